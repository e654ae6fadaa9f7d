// The epochs of an index (maintain/README.md, Renewal): what a vacuum does with one that was not finished, and when
// nobody knows another than the present one any more.
#pragma once
#include "core/page/meta_page.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Gives up the epoch that a vacuum was making when it ended early; changes *meta, too. Its pages become garbage once
// every insert that may know it has ended.
void give_up_epoch(Relation index, MetaPage* meta);
// True if no scan or insert may know another epoch than the present one.
bool one_epoch_is_known(Relation heap, const MetaPage* meta);
// After a pass that has collected it: nothing is left of other epochs. Changes *meta, too.
void forget_garbage(Relation index, MetaPage* meta);

// Whether another session has the index open, or may have it in mind.
bool somebody_uses(Relation index);
// Says that nobody knows the lists of before the last change, nor an epoch that was given up, if nobody has the index
// open. Changes *meta, too.
void settle_if_unused(Relation index, MetaPage* meta);

}  // namespace vectorq
