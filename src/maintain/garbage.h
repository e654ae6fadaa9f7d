// Pages that nobody will read any more: of epochs that are over, or that were given up, and what a crash has left of
// such. A vacuum notes them while it goes through the index, and gives them back at its end.
#pragma once
#include "core/page/meta_page.h"
#include "store/page_sink.h"
#include "pg/pg_headers.h"

namespace vectorq {

struct Garbage {
    uint8* bits;  // one a block: it is garbage
    BlockNumber blocks, count;
    BlockNumber listed;    // on the list of free pages
    BlockNumber end;       // behind the last block that is in use
    BlockNumber skip;      // blocks up to here are the rest of a free run
    BlockNumber searched;  // before it no single page is garbage any more
};

// For an index of so many blocks; from the current memory context.
Garbage make_garbage(BlockNumber blocks);
// Notes whether the page, which is locked, is garbage: true if it is. Holds only while no other epoch than the present
// one is known to anybody.
bool note_garbage(Garbage* garbage, const MetaPage* meta, Page page, BlockNumber block);
// Of it, what lies before the last block in use.
BlockNumber garbage_within(const Garbage* garbage);
// What is put into the sink goes where garbage is, from the front on, while there is some. Then no page of it is to be
// given back that was taken.
void use_garbage(Garbage* garbage, PageSink* sink);
// Cuts the file where only garbage follows, if that is wanted and nobody uses the index, and puts what else there is on
// the list of free pages.
void give_back_garbage(Relation index, const MetaPage* meta, Garbage* garbage, bool may_cut,
                       BufferAccessStrategy strategy);

}  // namespace vectorq
