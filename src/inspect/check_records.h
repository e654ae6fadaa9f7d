// The part of vectorq_check that looks at records: does each posting entry point to its row's record, and is each
// row's in one place? A record that no entry points to is what an insert cut short leaves, and no problem.
#pragma once
#include "store/storage.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct RecordCheck {
    Relation index;
    const MetaPage* meta;
    BlockNumber blocks;
    ReorderGeometry geometry;
    void (*found)(void* checker, BlockNumber block, const char* problem);
    void* checker;
    Tuplesortstate* pointers;  // (pointer, tid) of posting entries
    TupleTableSlot* slot;
};

// The caller sets index, meta, blocks, found and checker.
void record_check_begin(RecordCheck* c);
// A posting entry's tid and pointer.
void record_check_entry(RecordCheck* c, const ItemPointerData* tid, const ItemPointerData* pointer);
// An extent that begins at this block.
void record_check_extent(RecordCheck* c, BlockNumber extent);
// After all entries: looks up what they point to.
void record_check_end(RecordCheck* c);

}  // namespace vectorq
