// Heap tids as numbers, for the core's collectors.
#pragma once
#include "pg/pg_headers.h"

namespace vectorq {

// A candidate's tid: block (32 bits), offset (16), slot of the row's record (16). The record's block is its source.
inline uint64 pack_tid(const ItemPointerData* tid, uint16 slot = 0) {
    return static_cast<uint64>(ItemPointerGetBlockNumberNoCheck(tid)) << 32 |
           static_cast<uint64>(ItemPointerGetOffsetNumberNoCheck(tid)) << 16 | slot;
}
inline void unpack_tid(uint64 packed, ItemPointer tid) {
    ItemPointerSet(tid, static_cast<BlockNumber>(packed >> 32), static_cast<OffsetNumber>(packed >> 16 & 0xFFFF));
}
inline uint32 record_slot(uint64 packed) { return packed & 0xFFFF; }

}  // namespace vectorq
