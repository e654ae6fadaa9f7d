// See list_search.h.
#include "scan/list_search.h"

#include "pg/memory.h"

namespace vectorq {

void prepare_search(Relation index, IndexCache* cache, ListSearch* search, MemoryContext context, TopK* collector) {
    MemoryContext before = MemoryContextSwitchTo(context);
    search->context = context;
    search->opclass = opclass_of_index(index);
    search->cache = cache;
    search->collector = collector;
    if (cache->meta.metric != static_cast<uint8>(search->opclass->metric) ||
        cache->meta.element != static_cast<uint8>(search->opclass->element))
        report_corruption(index, 0, "built for another operator class");
    const uint32 capacity = cache->geometry.capacity;
    search->codec = cache->codec;
    search->query = alloc_aligned<float>(context, cache->meta.dims);
    search->code_query = alloc_aligned<float>(context, cache->meta.code_dims);
    search->centroid = alloc_aligned<float>(context, cache->meta.code_dims);
    search->table = alloc_aligned<float>(context, TableScratchFloats(cache->codec));
    search->distances = alloc_aligned<float>(context, capacity);
    search->survivors = static_cast<uint16*>(palloc(sizeof(uint16) * (capacity + 64)));
    search->mask = static_cast<uint32*>(palloc(sizeof(uint32) * (capacity / 32 + 1)));
    search->front = static_cast<char*>(palloc(LayoutOf(cache->geometry, capacity).codes_offset));
    if (cache->codec.kind == CodeKind::kPq4) {
        search->lut = alloc_aligned<uint8>(context, Lut16TableBytes(cache->codec.pq.m));
        if (cache->codec.pq.m <= kLut16MaxM && cache->geometry.pages == 1)
            search->sums = alloc_aligned<uint16>(context, capacity);
        else search->wide_sums = alloc_aligned<uint32>(context, capacity);
    } else if (cache->codec.kind != CodeKind::kPq) {
        search->kernel = GetBlockKernel(CodecKernel(cache->codec));
    }
    MemoryContextSwitchTo(before);
}

void begin_query(ListSearch* search) {
    const IndexCache* cache = search->cache;
    const float* x = to_code_space(cache, search->query, search->code_query);
    if (x != search->code_query) memcpy(search->code_query, x, sizeof(float) * cache->meta.code_dims);
    search->table_ready = false;
}

}  // namespace vectorq
