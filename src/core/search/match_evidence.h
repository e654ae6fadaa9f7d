// What a scan with a filter learns while it searches lists: the share of rows that match, and whether further lists
// still bring nearer matches. The first tells how many lists it takes where matches lie anywhere: as many as for
// rows / share rows without a filter. The second is for matches that lie apart from the query, or near each other.
//
// The matches missed fall with the lists searched as lists^-kMissesExponent (docs/measurements/filters.md). So of the
// k nearest after L lists, those that were not among the k nearest after l < L lists are misses(l) - misses(L) =
// misses(L) * ((L / l)^kMissesExponent - 1). Where there are many more than the target lets a scan miss, it is to go
// on.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/search/tid_set.h"
#include "core/search/topk.h"

namespace vectorq {

// Not thread-safe. Memory is kept from one scan to the next.
class MatchEvidence {
public:
    static constexpr double kMissesExponent = 1.46;
    // Deviations by which new rows may exceed what is expected before they count.
    static constexpr double kTolerance = 1.5;

    // share: of the rows that match, as far as it is known before.
    void Begin(double share) noexcept {
        guess_ = std::clamp(share, 1e-9, 1.0);
        entries_ = matches_ = 0;
        noted_lists_ = 0;
    }

    // Of so many entries, so many match.
    void Add(uint64_t entries, uint64_t matches) noexcept {
        entries_ += double(entries);
        matches_ += double(matches);
    }

    // Of all entries so far. The guess counts as one match more.
    double share() const noexcept { return std::min(1.0, (matches_ + 1) / (entries_ + 1 / guess_)); }

    // Keeps which k rows are the nearest once `lists` lists were searched. Throws std::bad_alloc.
    void Note(TopK* collector, size_t k, uint32_t lists) {
        collector->NearestRows(k, &noted_);
        noted_lists_ = lists;
    }

    // Notes the lists alone: the caller counts rows.
    void NoteLists(uint32_t lists) noexcept { noted_lists_ = lists; }

    // How many rows are among the k nearest now: fewer than k if there are fewer. Throws std::bad_alloc.
    size_t NearestRows(TopK* collector, size_t k) {
        collector->NearestRows(k, &nearest_);
        return nearest_.size();
    }

    // Of these, those that were not there when Note was called.
    size_t NewRows() const {
        size_t count = 0;
        nearest_.ForEach([&](uint64_t row, uint32_t) { count += !noted_.Has(row); });
        return count;
    }

    // So many new rows are no sign of more to come than the target allows: `may_miss` of k.
    double NewRowsAllowed(size_t k, uint32_t lists, double may_miss) const noexcept {
        if (noted_lists_ == 0 || noted_lists_ >= lists) return double(k);
        const double growth = std::pow(double(lists) / double(noted_lists_), kMissesExponent) - 1;
        const double expected = growth * may_miss * double(k);
        return expected + kTolerance * std::sqrt(expected);
    }

private:
    double guess_ = 1, entries_ = 0, matches_ = 0;
    uint32_t noted_lists_ = 0;
    TidSet noted_, nearest_;
};

}  // namespace vectorq
