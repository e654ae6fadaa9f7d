// Freeing the records of dead rows, after their posting entries are gone.
#pragma once
#include "core/page/meta_page.h"
#include "pg/pg_headers.h"

namespace vectorq {

// added: one bit a block below `blocks`, set for the first page of each extent beside those as built. Extents with
// room go to the free space map.
void vacuum_records(Relation index, const MetaPage* meta, const uint8* added, BlockNumber blocks,
                    IndexBulkDeleteCallback callback, void* callback_state, BufferAccessStrategy strategy);

}  // namespace vectorq
