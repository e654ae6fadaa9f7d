// Calibration again by vacuum, when a tenth of the rows has changed.
#pragma once
#include "store/index_cache.h"

namespace vectorq {

// At the end of a vacuum. stats: what ambulkdelete found, or NULL if there was nothing to delete. Raises errors of
// reading the table; leaves the index sound whatever happens.
void vacuum_calibrate(Relation index, Relation heap, const IndexBulkDeleteResult* stats);
// Measures the index of so many rows as cache, pinned, knows it: that of an epoch which is not searched yet, too.
// False, and *calibration as it was, if nothing could be measured.
bool calibrate_by_table(Relation index, Relation heap, IndexCache* cache, double rows, Calibration* calibration);

}  // namespace vectorq
