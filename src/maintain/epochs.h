// The epochs of an index (maintain/README.md, Renewal): what a vacuum does with one that was not finished, and when
// nobody knows another than the present one any more.
#pragma once
#include "core/page/meta_page.h"
#include "pg/pg_headers.h"

namespace vectorq {

// Gives up the epoch that a vacuum was making when it ended early; changes *meta, too. Its pages become garbage once
// every insert that may know it has ended.
void give_up_epoch(Relation index, MetaPage* meta);
// Whether a vacuum may go on with the epoch that another one has begun.
inline bool is_resting(const MetaPage* meta) { return meta->upkeep.renewing != 0 && meta->upkeep.resting != 0; }
// True if no scan or insert may know another epoch than the present one.
bool one_epoch_is_known(Relation heap, const MetaPage* meta);
// After a pass that has collected it: nothing is left of other epochs. Changes *meta, too.
void forget_garbage(Relation index, MetaPage* meta);

// Whether another session has the index open, or may have it in mind.
bool somebody_uses(Relation index);
// Whether the file may be cut. That needs a lock which stops the queries of a standby: the table's option
// vacuum_truncate. A parallel vacuum takes none. Where the index is in use all the time its file is not cut, and so not
// copied to its front either.
bool may_cut_file(Relation index, Relation heap);
// Says that nobody knows the lists of before the last change, nor an epoch that was given up, if nobody has the index
// open. Changes *meta, too.
void settle_if_unused(Relation index, MetaPage* meta);

}  // namespace vectorq
