// Measures an index: where in a scan do the true neighbours of some queries turn up? The answer, for all settings at once, becomes
// its calibration.
#pragma once
#include "core/calibrate/neighbours.h"
#include "am/storage.h"
#include "core/page/calibration_page.h"

namespace vectorq {

// Neighbours of each query that are looked for.
inline constexpr Size kCalibrationDepth = 100;

// Searches for each of the finder's queries (after Finish) and fills the calibration, sealed. False if there were too few queries to
// say anything: then it says so, too. Needs posting pages and directory only, so a build may call it before its end.
// code_bytes: bytes of codes to read at most, over all queries; then the remaining queries are left out.
bool measure_recall(Relation index, const NeighbourFinder* finder, double code_bytes, CalibrationSource source, Calibration* calibration);

}  // namespace vectorq
