// EXPLAIN ANALYZE says what the scans of a vectorq index did: in the plan from PostgreSQL 18 on, in a NOTICE before.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// Adds its lines to a node that scans a vectorq index.
void explain_node(PlanState* node, ExplainState* explain);

}  // namespace vectorq
