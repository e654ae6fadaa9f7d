// See batch_order.h.
#include "core/batch/batch_order.h"

#include <algorithm>
#include <limits>

namespace vectorq {

namespace {
// Each pass goes through the table again, so later ones take more at once.
constexpr size_t kPassShare = 4;
constexpr size_t kGrain = 64;
}  // namespace

BatchOrder::BatchOrder(const OrderRules& rules, size_t queries)
    : rules_(rules),
      stops_(rules.reorders && rules.by_need ? queries : 0),
      kept_(queries * rules.keep),
      kept_count_(queries),
      next_(queries),
      in_pass_(queries),
      first_slot_(queries),
      done_(queries) {}

size_t BatchOrder::BytesOfQuery(const OrderRules& rules) noexcept {
    return rules.keep * sizeof(Candidate) + sizeof(ReorderStop) + (rules.by_need ? rules.k * sizeof(float) : 0) + 17 +
           kOrderStep * (sizeof(RowRequest) + sizeof(Candidate));
}

void BatchOrder::Begin(BatchScorer* scorer, StopToken& stop) {
    scorer_ = scorer;
    turn_ = 0;
    ParallelFor(scorer->queries(), kGrain, rules_.threads, stop, [&](size_t begin, size_t end, int) {
        for (size_t q = begin; q < end; q++) {
            kept_count_[q] = next_[q] = 0;
            done_[q] = !rules_.reorders;
            if (!stops_.empty()) stops_[q].Reset(rules_.k);
            for (; !rules_.reorders && next_[q] < std::min(scorer->candidates(q), rules_.keep); next_[q]++)
                Keep(q, scorer->Take(q, next_[q]));
        }
    });
}

// Candidates of the query that the pass takes.
size_t BatchOrder::Wanted(size_t q) const noexcept {
    const size_t left = scorer_->candidates(q) - next_[q];
    if (!rules_.by_need) return left;
    return std::min(left, std::max({kOrderStep, rules_.k / 4, next_[q] / kPassShare}));
}

const std::vector<RowRequest>& BatchOrder::NextPass(StopToken& stop) {
    const size_t queries = scorer_->queries();
    size_t slots = 0;
    std::fill(in_pass_.begin(), in_pass_.end(), 0u);
    // The queries that did not fit into the pass before come first.
    for (size_t i = 0; i < queries && slots < rules_.pass_entries; i++) {
        const size_t q = (turn_ + i) % queries;
        if (done_[q]) continue;
        const size_t room = std::max(kOrderStep, rules_.pass_entries - slots);
        in_pass_[q] = uint32_t(std::min(Wanted(q), room));
        done_[q] = in_pass_[q] == 0;
        first_slot_[q] = uint32_t(slots);
        slots += in_pass_[q];
        if (slots >= rules_.pass_entries) turn_ = q;
    }
    requests_.resize(slots);
    found_.assign(slots, Candidate{0, 0, 0});
    ParallelFor(queries, kGrain, rules_.threads, stop, [&](size_t begin, size_t end, int) {
        for (size_t q = begin; q < end; q++)
            for (uint32_t i = 0; i < in_pass_[q]; i++) {
                const Candidate& candidate = scorer_->Take(q, next_[q] + i);
                const uint32_t slot = first_slot_[q] + i;
                const uint64_t place =
                    rules_.by_record ? uint64_t(candidate.source) << 16 | (candidate.tid & 0xFFFF) : candidate.tid;
                requests_[slot] = {place, candidate.tid, candidate.source, uint32_t(q), slot};
            }
    });
    std::sort(requests_.begin(), requests_.end(),
              [](const RowRequest& a, const RowRequest& b) { return a.place < b.place; });
    reordered_ += slots;
    return requests_;
}

void BatchOrder::Keep(size_t q, const Candidate& row) noexcept {
    Candidate* heap = kept_.data() + q * rules_.keep;
    uint32_t& count = kept_count_[q];
    if (count < rules_.keep) {
        heap[count++] = row;
        std::push_heap(heap, heap + count, NearerFirst());
    } else if (NearerFirst()(row, heap[0])) {
        std::pop_heap(heap, heap + count, NearerFirst());
        heap[count - 1] = row;
        std::push_heap(heap, heap + count, NearerFirst());
    }
}

bool BatchOrder::MayStop(size_t q) noexcept {
    const size_t end = scorer_->candidates(q), entries = std::max<size_t>(scorer_->entries(q), 1);
    if (next_[q] >= end) return true;
    const size_t usual =
        rules_.usual == 0 || rules_.usual >= entries ? end : std::min(end, end * rules_.usual / entries);
    const float next_code = scorer_->Take(q, next_[q]).distance;
    if (next_[q] < usual) return stops_[q].Enough(next_code, usual - next_[q], kMissedShare * rules_.may_miss);
    // As a single scan reckons, which has collected more.
    const size_t all = scorer_->overflowed(q) ? std::max(end, end * rules_.single / entries) : end;
    return stops_[q].Enough(next_code, all - next_[q], kMissedShareBeyond * rules_.may_miss);
}

void BatchOrder::EndPass(StopToken& stop) {
    ParallelFor(scorer_->queries(), kGrain, rules_.threads, stop, [&](size_t begin, size_t end, int) {
        for (size_t q = begin; q < end; q++) {
            if (in_pass_[q] == 0) continue;
            for (uint32_t i = 0; i < in_pass_[q]; i++) {
                const Candidate& found = found_[first_slot_[q] + i];
                const Candidate& lent = scorer_->Take(q, next_[q] + i);
                if (found.source == 0) continue;
                const float distance =
                    found.distance == found.distance ? found.distance : std::numeric_limits<float>::infinity();
                if (rules_.by_need) stops_[q].Add(lent.distance, distance);
                Keep(q, {distance, lent.source, found.tid});
            }
            next_[q] += in_pass_[q];
            done_[q] = next_[q] >= scorer_->candidates(q) || (rules_.by_need && MayStop(q));
        }
    });
}

const Candidate* BatchOrder::rows(size_t q, size_t* count) noexcept {
    Candidate* heap = kept_.data() + q * rules_.keep;
    *count = kept_count_[q];
    std::sort(heap, heap + *count, NearerFirst());
    return heap;
}

}  // namespace vectorq
