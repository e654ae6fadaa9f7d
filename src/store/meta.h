// The meta page of an index (core/page/meta_page.h): read, checked and changed.
#pragma once
#include "core/page/meta_page.h"
#include "store/pages.h"

namespace vectorq {

// Reads and checks the meta page. Raises ERRCODE_INDEX_CORRUPTED on any doubt.
void read_meta(Relation index, MetaPage* meta);
// Why this meta page cannot be right for the index, of so many blocks; NULL if it can.
const char* meta_problem(Relation index, const MetaPage* meta, BlockNumber blocks);
uint32 crc_of(const void* bytes, Size size);  // CRC-32C
void set_meta_crc(MetaPage* meta);            // renews the crc
MetaPage* meta_on(Page page);
// That of the epoch which a vacuum is making beside the present one: on the same page, behind it. True only while
// meta->upkeep.renewing says so.
inline MetaPage* next_meta_on(MetaPage* meta) { return meta + 1; }
// Reads and checks it. False if there is none.
bool read_next_meta(Relation index, MetaPage* next);
// Replaces the meta page of a live index, WAL-logged. `change` edits a copy under exclusive lock.
void update_meta(Relation index, void (*change)(MetaPage* meta, void* arg), void* arg);

}  // namespace vectorq
