// A build that goes on with lists and codes that an index has: they are read from its regions instead of being learned.
#include <algorithm>

#include "build/build.h"
#include "pg/entry.h"
#include "store/regions.h"

namespace vectorq {

static void load_centroids(Build* b, const MetaPage* meta) {
    BuildObjects* o = b->objects;
    core_call([&] { o->centroids = Matrix(meta->lists, meta->code_dims); });
    read_region(b->index, &meta->centroids, PageKind::kCentroids, meta->generation, 0, meta->centroids.bytes,
                o->centroids.data());
}

Build* resume_build(Relation heap, Relation index, IndexCache* cache, Size memory, int threads) {
    const MetaPage* meta = &cache->meta;
    Build* b = begin_build(heap, index, NULL, memory, threads);
    // As when it was trained, though options may be others by now.
    b->options.seed = static_cast<int>(meta->seed);
    b->options.closure_epsilon = meta->closure_epsilon;
    b->trained = (meta->flags & kMetaTrained) != 0;
    b->lists = meta->lists;
    b->training_rows = meta->training_rows;
    b->reorder = static_cast<Reorder>(meta->reorder);
    b->replicas = static_cast<Replicas>(meta->replicas);
    b->entries_of_row = EntriesOfRow(*meta);
    b->geometry = cache->geometry;
    b->records = cache->records;
    b->codec = *codec_to_encode(index, cache);
    load_centroids(b, meta);
    const Size floats = meta->transform_matrix.bytes / sizeof(float);
    core_call([&] {
        b->objects->transform.Resize(floats);
        if (floats > 0) std::copy_n(cache->transform, floats, b->objects->transform.data());
    });
    return b;
}

}  // namespace vectorq
