// Calibration again by vacuum, when a tenth of the rows has changed.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// At the end of a vacuum. stats: what ambulkdelete found, or NULL if there was nothing to delete. Raises errors of
// reading the table; leaves the index sound whatever happens.
void vacuum_calibrate(Relation index, Relation heap, const IndexBulkDeleteResult* stats);

}  // namespace vectorq
