// Puts the candidates of many queries in order by distances of their vectors, in passes: each pass takes the next few
// candidates of all queries that need more, in the order in which the table or the records have them, so that a row is
// read once for all queries that want it. How far each query goes is what a single scan does (search/reorder_stop.h).
//
//   Begin()                        candidates are the scorer's
//   NextPass()                     requests of the pass, in the order of reading; none: all is in order
//   SetDistance() for each         by whoever has read its row; a row that is not there gets none
//   EndPass()
//
// The nearest `keep` rows of each query are kept.
#pragma once
#include <cstdint>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/parallel.h"
#include "core/batch/batch_score.h"
#include "core/search/reorder_stop.h"

namespace vectorq {

struct OrderRules {
    size_t k;             // rows that are wanted
    size_t keep;          // k, or more where some may turn out not to be visible
    bool reorders;        // else the codes' distances stand
    bool by_need;         // further candidates may be left when they are unlikely to matter
    bool by_record;       // read in the order of records, else of the table
    size_t single;        // entries that a single scan collects, where it collects more
    size_t usual;         // entries that the calibration's queries needed; 0: all
    double may_miss;      // share of the rows that the target lets a query miss
    size_t pass_entries;  // requests of a pass, at most; each query may have kOrderStep more
    int threads;
};

// The candidate of a query; `slot` says where its distance goes.
struct RowRequest {
    uint64_t place;  // what requests are sorted by: of equal ones the row is the same
    uint64_t tid;    // as Candidate::tid
    uint32_t source, query, slot;
};

class BatchOrder {
public:
    BatchOrder(const OrderRules& rules, size_t queries);
    static size_t BytesOfQuery(const OrderRules& rules) noexcept;

    // How many threads its own work takes from now on.
    void SetThreads(int threads) noexcept { rules_.threads = threads; }
    // Of all queries of the scorer. Throws std::bad_alloc, Error(kCancelled), as all here.
    void Begin(BatchScorer* scorer, StopToken& stop);
    const std::vector<RowRequest>& NextPass(StopToken& stop);
    // Any thread, a slot once a pass. tid: of the row version that was read.
    void SetDistance(uint32_t slot, float distance, uint64_t tid) noexcept { found_[slot] = {distance, 1, tid}; }
    void EndPass(StopToken& stop);

    // After the last pass: the nearest rows of a query, in order.
    const Candidate* rows(size_t q, size_t* count) noexcept;
    // Whether these may be all that there are of the lists it probed.
    bool exhausted(size_t q) const noexcept { return next_[q] >= scorer_->candidates(q) && !scorer_->overflowed(q); }
    // Whether it would have gone on, had it collected more.
    bool starved(size_t q) const noexcept {
        return rules_.by_need && next_[q] >= scorer_->candidates(q) && scorer_->overflowed(q);
    }
    uint64_t reordered() const noexcept { return reordered_; }

private:
    size_t Wanted(size_t q) const noexcept;
    bool MayStop(size_t q) noexcept;
    void Keep(size_t q, const Candidate& row) noexcept;

    OrderRules rules_;
    BatchScorer* scorer_ = nullptr;
    std::vector<ReorderStop> stops_;
    AlignedArray<Candidate> kept_;  // (queries, keep): a max-heap each
    std::vector<uint32_t> kept_count_, next_, in_pass_, first_slot_;
    std::vector<uint8_t> done_;
    std::vector<RowRequest> requests_;
    std::vector<Candidate> found_;  // (slots): source 1 if the row is there
    size_t turn_ = 0;               // query that the next pass begins with
    uint64_t reordered_ = 0;
};

}  // namespace vectorq
