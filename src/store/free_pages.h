// The list of pages that hold nothing any more and wait for postings.
#pragma once
#include "core/page/posting_page.h"
#include "store/pages.h"

namespace vectorq {

// Pages of postings (extents, where segments have several) that are free again are on a list: meta.free_head leads to
// the first, PageTail.owner of each to the next. Only who holds the meta page's lock goes along it.
//
// Takes one from the list and returns it pinned and exclusively locked; InvalidBuffer when there is none. Until it is
// filled it holds a segment of no list, so that no insert takes it for a page with room; what a crash leaves of such,
// the next vacuum puts back.
//
// The pages on the list are runs of meta.upkeep.free_unit pages, of which the first has the link. Segments of another
// number of pages find none.
Buffer take_free_page(Relation index, const PostingGeometry* g, uint32 epoch);
// Puts the page, pinned, exclusively locked and not on the list, on it. Still locked afterwards. Free pages of another
// epoch than the index's are not on the list any more.
void put_free_page(Relation index, Buffer buffer);

}  // namespace vectorq
