// What it costs to read vectors that lie out of line (TOAST): from some 500 dimensions on, most do. The planner itself
// charges nothing for it, so that sorting a table of wide vectors looks as cheap as sorting one of narrow ones.
#pragma once
#include "core/page/meta_page.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Of one row's vector, beyond its row, in the planner's units. 0 if most lie in their rows.
Cost cost_of_vector(const IndexOptInfo* index, const MetaPage* meta);

// From now on the paths that sort a table by the distance to such vectors are charged for reading them.
void charge_for_vectors_out_of_line();

}  // namespace vectorq
