// Tids of the server as the core knows them: six bytes, or numbers for its collectors.
#pragma once
#include "core/page/tid.h"
#include "pg/pg_headers.h"

namespace vectorq {

static_assert(sizeof(ItemPointerData) == sizeof(Tid) && offsetof(ItemPointerData, ip_posid) == offsetof(Tid, offset) &&
              offsetof(BlockIdData, bi_lo) == offsetof(Tid, block_lo));

inline ItemPointerData from_tid(const Tid& tid) { return {{tid.block_hi, tid.block_lo}, tid.offset}; }
inline Tid to_tid(const ItemPointerData* tid) { return {tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid}; }

// A candidate's tid: block (32 bits), offset (16), slot of the row's record (16). The record's block is its source.
inline uint64 pack_tid(const ItemPointerData* tid, uint16 slot = 0) {
    return static_cast<uint64>(ItemPointerGetBlockNumberNoCheck(tid)) << 32 |
           static_cast<uint64>(ItemPointerGetOffsetNumberNoCheck(tid)) << 16 | slot;
}
inline uint64 pack_tid(const Tid& tid) {
    return static_cast<uint64>(BlockOf(tid)) << 32 | static_cast<uint64>(tid.offset) << 16;
}
inline void unpack_tid(uint64 packed, ItemPointer tid) {
    ItemPointerSet(tid, static_cast<BlockNumber>(packed >> 32), static_cast<OffsetNumber>(packed >> 16 & 0xFFFF));
}
inline uint32 record_slot(uint64 packed) { return packed & 0xFFFF; }

}  // namespace vectorq
