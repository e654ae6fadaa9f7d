// From the ranks of true neighbours to settings: for each target the cheapest number of lists and of entries to reorder
// that reaches it, and for any target and any number of rows asked for, what lies between the rungs.
#pragma once
#include "core/calibrate/rank_table.h"
#include "core/page/calibration_page.h"

namespace vectorq {

// What a scan does with what it collects.
enum class ScanOrder {
    kExactCodes,  // distances of codes are those of rows: nothing to reorder
    kCodes,       // lossy codes, not reordered: only the first k count
    kReordered
};

// In nanoseconds; only their ratios matter.
struct ScanCosts {
    double list;   // to open a list
    double entry;  // to score an entry
    double row;    // to reorder one
};

// Of the neighbours 0, 1, … of a query, those that the ranks are of: the first kAllNeighbours, then each tenth.
inline constexpr size_t kAllNeighbours = 100, kDeepNeighbours = 1000, kDeepStep = 10;
inline constexpr size_t kSampledNeighbours = kAllNeighbours + (kDeepNeighbours - kAllNeighbours) / kDeepStep;
constexpr size_t SampledNeighbour(size_t i) noexcept {
    return i < kAllNeighbours ? i : kAllNeighbours + kDeepStep / 2 + (i - kAllNeighbours) * kDeepStep;
}

// Rungs of a calibration; the head is left to the caller. `entries_of_row`: entries of a row, at most. Returns what the
// better rungs cost: a sum of logarithms.
double BuildLadder(const RankTable& ranks, ScanOrder order, const ScanCosts& costs, uint32_t entries_of_row,
                   Calibration* calibration);

// The same with a rule of effort (effort.h), if rungs get cheaper by it for queries that it was not fitted on. Leaves
// the ranks' efforts as it wants.
void BuildLadderWithEffort(RankTable* ranks, ScanOrder order, const ScanCosts& costs, uint32_t entries_of_row,
                           Calibration* calibration);

// Share of the first k neighbours that `nprobe` lists (a grid point, by number) and `rows` reordered entries find.
double RecallAt(const RankTable& ranks, ScanOrder order, size_t k, size_t grid_point, size_t rows);

struct ScanSettings {
    uint32_t nprobe;
    uint32_t rows;  // 0: as in CalibrationRung
};
// Settings for recall@k of `target` (0 .. 1); 1 means all lists. k need not be one of kCalibratedK.
ScanSettings SettingsFor(const Calibration& calibration, double target, double k, uint32_t lists) noexcept;

// Why the page cannot be one that BuildLadder made for an index of so many lists; null if it can. The crc is the
// caller's.
const char* CalibrationProblem(const Calibration& calibration, uint32_t lists) noexcept;

}  // namespace vectorq
