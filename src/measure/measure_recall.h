// Measures an index: where in a scan do the true neighbours of some queries turn up? The answer, for all settings at
// once, becomes its calibration.
#pragma once
#include "store/index_cache.h"
#include "core/calibrate/ladder.h"
#include "core/calibrate/neighbours.h"
#include "core/page/calibration_page.h"

namespace vectorq {

// Queries whose neighbours are looked for as far as kDeepNeighbours (core/calibrate/ladder.h); of the others,
// kAllNeighbours.
inline constexpr Size kDeepQueries = 96;

// Bytes of codes that a calibration may read beside a build of so many rows, or a vacuum of them.
double calibration_budget(const MetaPage* meta, double rows);

// How many times as much a query takes now as when the index was trained, by its calibration: what codes and centroids
// have lost as rows came that are unlike those that trained them. 1 where it cannot be told.
double effort_since_training(const Calibration* calibration);

// Searches for each of the finder's queries (after Finish) and fills the calibration, its crc set. False if there were
// too few queries to say anything: then it says so, too. Needs posting pages and directory only, so a build may call it
// before its end. code_bytes: bytes of codes to read at most, over all queries; then the remaining queries are left
// out. cache: of what is searched, pinned; NULL: the index as it is.
bool measure_recall(Relation index, const NeighbourFinder* finder, double code_bytes, CalibrationSource source,
                    Calibration* calibration, IndexCache* cache = NULL);

}  // namespace vectorq
