// Scores the lists of many queries at once: each list lies in memory once, a copy of its segments, and is compared with
// all queries that probe it, some lookup tables at a time. Threads share the queries: each query is one thread's for
// the time of a call, so that no collector has a lock and the answer does not depend on the number of threads.
//
//   Begin()                    a batch of queries begins
//   AddQuery(), again          its vector in code space, and the lists that it probes
//   ListsToRead()              all lists that any of them probes
//   Score(), again             some of these lists, once each
//   EndScoring()               what each query collected: its candidates, the nearest first
//
// Knows nothing of PostgreSQL. Codes, scalars and tids lie as core/page/posting_page.h says.
#pragma once
#include <cstdint>
#include <vector>

#include "core/base/crew.h"
#include "core/base/list_score.h"
#include "core/base/matrix.h"
#include "core/base/parallel.h"
#include "core/page/posting_page.h"
#include "core/quantize/codec.h"
#include "core/search/topk.h"

namespace vectorq {

struct BatchShape {
    Codec codec;  // with the session's distance
    PostingGeometry geometry;
    size_t capacity;  // entries that a query collects
    size_t queries;   // of a batch, at most
    bool replicas;    // a row may be in several lists
    int threads;
    // (code dims), the caller's, of codes that list_terms.h is for; null: copies of segments have no terms.
    const float* origin = nullptr;
};

// A segment as a stream of bytes: what its pages hold, one behind another.
struct SegmentCopy {
    const char* bytes;
    uint32_t count;     // slots in use
    uint32_t capacity;  // that its layout is for
    // (count) each (list_terms.h).
    const float* scales = nullptr;
    const float* bases = nullptr;
};

// A list, with all segments that it had.
struct ListCopy {
    uint32_t list;
    const float* centroid;  // (code dims)
    const SegmentCopy* segments;
    size_t count;
};

class BatchScorer {
public:
    explicit BatchScorer(const BatchShape& shape);

    // Bytes that a query takes here, and a thread.
    static size_t BytesOfQuery(const BatchShape& shape) noexcept;
    static size_t BytesOfThread(const BatchShape& shape) noexcept;

    void Begin() noexcept;
    // lists: the nearest first. Returns the query's number. Throws std::bad_alloc.
    size_t AddQuery(const ListScore* lists, uint32_t count);
    // Where its vector goes, (code dims).
    float* code_query(size_t q) noexcept { return code_queries_.row(q); }
    size_t queries() const noexcept { return queries_; }

    // Numbers of lists, each once, in the order of position[list]. After the last query.
    const std::vector<uint32_t>& ListsToRead(const uint32_t* position, StopToken& stop);

    // The next ones of those to read. partial: the last of them goes on with further segments. Throws
    // Error(kCancelled).
    void Score(const ListCopy* lists, size_t count, bool partial, StopToken& stop);
    // The same by a crew, while the caller does something else. The copies stay as they are until crew->Finish().
    void BeginScoring(const ListCopy* lists, size_t count, bool partial, StopToken& stop, Crew* crew);
    // Entries that were scored so far.
    uint64_t entries_scored() const noexcept;

    void EndScoring(StopToken& stop);
    // After EndScoring: how many candidates a query has, further entries of a row left out, and how many entries it
    // collected; whether others were dropped for want of room; the i-th nearest candidate.
    size_t candidates(size_t q) const noexcept { return kept_[q]; }
    size_t entries(size_t q) const noexcept { return entries_[q]; }
    bool overflowed(size_t q) const noexcept { return overflowed_[q] != 0; }
    const Candidate& Take(size_t q, size_t i) noexcept { return collectors_[q].Take(i); }

private:
    // Of a query, by where its list stands among those to read.
    struct Probe {
        uint32_t rank, query;
    };
    // Queries that one thread takes at a time: their collectors lie in its second cache meanwhile.
    struct Portion {
        size_t begin, end;  // of probes_, in the order of ranks
        size_t next;        // of these
    };
    struct Worker {
        AlignedArray<float> tables;   // (kTablesAtATime, TableScratchFloats)
        AlignedArray<uint8_t> luts;   // (kTablesAtATime, Lut16TableBytes) of tables that depend on the list
        AlignedArray<uint16_t> sums;  // (kTablesAtATime, capacity)
        AlignedArray<uint32_t> wide_sums;
        AlignedArray<float> distances;  // (capacity)
        AlignedArray<uint16_t> survivors;
        TidSet found;
        uint64_t entries_scored = 0;
    };
    // A query's table for the list at hand.
    struct Prepared {
        size_t query;
        bool by_terms;
        ListTable table;  // by_terms: its bias alone
        const uint8_t* lut;
        Lut16Query scale;
    };

    // Lists [first, end) of those to read.
    struct Fill {
        const ListCopy* lists;
        size_t first, end;
        bool partial;
    };
    Fill NextFill(const ListCopy* lists, size_t count, bool partial) noexcept;
    void ScorePortion(const Fill& fill, Portion* portion, StopToken& stop, int thread);
    void PrepareQueryTables(StopToken& stop);
    bool TakesTerms(size_t q) noexcept;
    void ScoreList(const ListCopy& list, const Probe* begin, const Probe* end, Worker& worker);
    void Prepare(const ListCopy& list, size_t slot, size_t query, Worker& worker, Prepared* prepared) noexcept;
    void ScoreSegment(const SegmentCopy& segment, const Prepared* prepared, size_t count, Worker& worker) noexcept;
    void ScoreRows(const SegmentCopy& segment, const SegmentLayout& layout, const Prepared* prepared, size_t count,
                   Worker& worker) noexcept;
    void CollectWideSums(const SegmentCopy& segment, const SegmentLayout& layout, const Prepared& prepared,
                         const uint32_t* sums, Worker& worker) noexcept;
    void CollectSums(const SegmentCopy& segment, const SegmentLayout& layout, const Prepared& prepared,
                     const uint16_t* sums, Worker& worker) noexcept;
    template <class Sum>
    void CollectByTerms(const SegmentCopy& segment, const SegmentLayout& layout, const Prepared& prepared,
                        const Sum* sums, Worker& worker) noexcept;
    void CollectDistances(const SegmentCopy& segment, const SegmentLayout& layout, size_t query, uint32_t first,
                          uint32_t count, Worker& worker) noexcept;
    void Push(const SegmentCopy& segment, const SegmentLayout& layout, size_t query, uint32_t slot,
              float distance) noexcept;

    // — set at first, then constant —
    BatchShape shape_;
    bool has_terms_;  // rows have terms of their lists
    bool own_luts_;   // product codes whose tables are the same for all lists: a query keeps its own
    size_t tables_at_a_time_;
    BlockFn kernel_ = nullptr;
    // — by each batch —
    size_t queries_ = 0;
    Matrix code_queries_;
    std::vector<TopK> collectors_;
    std::vector<size_t> kept_, entries_;
    std::vector<uint8_t> overflowed_;
    std::vector<Probe> probes_;        // in the order of queries; rank is the list's number at first
    std::vector<size_t> first_probe_;  // of each query, and the end
    std::vector<Portion> portions_;
    std::vector<uint32_t> lists_, rank_;  // rank_[list]
    size_t next_list_ = 0;                // of lists_, that is scored next
    AlignedArray<uint8_t> query_luts_;
    std::vector<Lut16Query> query_scales_;
    std::vector<float> nearest_;  // of each query, the score of its nearest list
    std::vector<uint8_t> own_;    // whether its table serves all lists
    bool luts_ready_ = false;
    std::vector<Worker> workers_;
    static const TidSet kNoRows;
};

}  // namespace vectorq
