// State of one rebalancing, between rebalance.cpp (which lists, in which steps) and rebalance_rows.cpp (their rows).
#pragma once
#include <vector>

#include "am/index_cache.h"
#include "am/list_table.h"
#include "am/opclass.h"
#include "core/base/matrix.h"
#include "core/base/stop_token.h"

namespace vectorq {

// A list that is replaced.
struct Victim {
    uint32 list;
    uint32 rows;    // as counted
    uint32 pieces;  // 0: dissolved into its neighbours; 1: keeps its centroid; more: split
};

// C++ objects, owned by the context.
struct RebalanceObjects {
    Matrix rows;        // (rows, code dims)
    Matrix centroids;   // (new lists, code dims)
    std::vector<uint32_t> target;      // of each row: the new list
    std::vector<uint8_t> whole;        // of each new list: it was to be split and could not
    std::vector<uint32_t> first_of;    // of each victim and beyond the last: its first new list
    Matrix all, live;                  // centroids by number; of the lists to be searched
    std::vector<uint32_t> live_list;
    CentroidGroups groups;
    StopToken stop;
    RebalanceObjects();
};

struct Rebalance {
    // — set at the start, then constant —
    Relation index, heap;
    MemoryContext context;
    IndexCache* cache;
    MetaPage meta;  // as of the start; the directory grows
    AllLists table;
    const OpclassInfo* opclass;
    RebalanceObjects* objects;
    bool pooled;    // rows may change from one victim to another; not with replicas
    Size room;      // rows that fit the memory
    // — the lists to replace —
    Victim* victims;
    uint32 num_victims;
    // — their rows —
    Size num_rows;
    ItemPointerData* tids;
    ItemPointerData* pointers;
    uint32* victim_of;
    // — the new lists —
    uint32 num_lists;
    uint32* numbers;          // (num_lists)
    DirectoryEntry* entries;  // (num_lists)
};

// Fills num_rows, tids, pointers, victim_of and objects->rows. Rows dead to everybody are left out. False if there are more
// rows than there is room for.
bool read_victims(Rebalance* r);
// New centroids, and where each row goes.
void train_new_lists(Rebalance* r);
// Writes the rows into the new lists, on pages that nobody is led to; fills entries.
void write_new_lists(Rebalance* r);

}  // namespace vectorq
