// Conditions on key columns that PostgreSQL's planner does not give to an ordered scan by itself.
#pragma once

namespace vectorq {

// For the whole session, once.
void help_planner_with_keys();

}  // namespace vectorq
