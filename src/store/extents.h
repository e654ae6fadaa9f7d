// Extents of records (core/page/reorder_page.h) in the server's terms. Their bytes are checked and changed by
// core/page/record_edits.h.
#pragma once
#include "core/page/record_edits.h"
#include "store/pages.h"

namespace vectorq {

inline ReorderHeader* extent_header(Page page) { return ExtentHeaderOf(page_payload(page)); }
// Why there can be no extent of records that begins on this page; NULL if there can.
inline const char* extent_problem(const ReorderGeometry* g, Page page) {
    const char* problem = page_problem(page, PageKind::kReorder, 0, 0);
    return problem != NULL ? problem : ExtentProblem(*g, *extent_header(page));
}
// The tid of a record, on the page of its extent where RecordPart says that it lies.
inline ItemPointer record_tid(const ReorderGeometry* g, Page page, uint32 slot) {
    return reinterpret_cast<ItemPointer>(RecordTid(*g, page_payload(page), slot));
}

}  // namespace vectorq
