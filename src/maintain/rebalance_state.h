// State of one rebalancing, between rebalance.cpp (which lists, in which steps) and rebalance_rows.cpp (their rows).
#pragma once
#include <vector>

#include "store/index_cache.h"
#include "maintain/list_table.h"
#include "am/opclass.h"
#include "core/base/matrix.h"
#include "core/base/stop_token.h"

namespace vectorq {

// Lists of fewer rows than this part of the mean are dissolved.
inline constexpr double kDissolveBelow = 0.125;
// If the large lists are to become more than this part of all lists more, rows are of another distribution than when
// the lists were made: all are replaced then, since centroids lie where rows have been.
inline constexpr double kManyMore = 0.05;

// The part of the rows that memory has room for which is left to inserts between counting and sealing.
inline constexpr Size kRoomForInserts = 5;

// A list that is replaced.
struct Victim {
    uint32 list;
    uint32 rows;  // as counted
};

// Victims that are replaced together: near each other, and as many as fit the memory.
struct Batch {
    uint32 first, count;      // of the victims
    uint32 pieces;            // lists that are wanted in their place
    Size rows;                // as counted
    uint32 made_first, made;  // of the new lists: those in their place; none if they were left as they are
};

// C++ objects, owned by the context.
struct RebalanceObjects {
    // — of the batch at hand —
    Matrix rows;                   // (rows, code dims)
    Matrix centroids;              // (new lists, code dims)
    std::vector<uint32_t> target;  // of each row: the new list, or their number if it goes to none
    // — of all batches —
    std::vector<float> made;              // (new lists, code dims)
    std::vector<uint32_t> numbers;        // (new lists)
    std::vector<DirectoryEntry> entries;  // (new lists)
    std::vector<char> summaries;          // (new lists, summary_bytes) of key columns
    Matrix all, live;                     // centroids by number; of the lists to be searched
    std::vector<uint32_t> live_list;
    CentroidGroups groups;
    StopToken stop;
    RebalanceObjects();
};

struct Rebalance {
    // — set at the start, then constant —
    Relation index, heap;
    BufferAccessStrategy strategy;
    IndexCache* cache;
    AllLists table;
    const OpclassInfo* opclass;
    RebalanceObjects* objects;
    Size room;     // rows that fit the memory
    double mean;   // rows of a list
    double limit;  // lists of more rows are split
    // — the lists to replace —
    Victim* victims;
    uint32 num_victims;
    Batch* batches;
    uint32 num_batches;
    // — changed step by step —
    MetaPage meta;  // as of the start; the directory and the numbers given out grow
    // — of the batch at hand —
    Batch* batch;
    Size num_rows;
    RowFields* fields;
    char* keys;  // (rows, key_bytes) packed
    uint32 num_lists;
    uint32* numbers;          // (num_lists)
    DirectoryEntry* entries;  // (num_lists)
    char* summaries;          // (num_lists, summary_bytes) of key columns; NULL without
};

// All of the batch at hand; with replicas, `rows` are entries here. Fills num_rows, fields and objects->rows.
// Rows dead to everybody are left out. False if there are more rows than there is room for.
bool read_victims(Rebalance* r);
// New centroids, and where each row goes. False if the rows are so much alike that there are fewer lists than a row
// needs.
bool train_new_lists(Rebalance* r);
// Writes the rows into the new lists, on pages that nobody is led to; fills entries.
void write_new_lists(Rebalance* r);

}  // namespace vectorq
