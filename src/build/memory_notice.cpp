// One NOTICE when an index loses something for want of memory: what, and how much memory would keep it.
#include <algorithm>
#include <cmath>

#include "build/build.h"

namespace vectorq {

// Appends a sentence.
static void add_loss(StringInfo losses, const char* loss) { appendStringInfo(losses, " %s", loss); }

static bool transform_is_lost(const Build* b) {
    if (!looks_for_transform(b, b->full_rows) || b->transform_spec.kind != TransformKind::kNone) return false;
    const double rows = std::min(b->fit_rows, b->full_rows);
    return !looks_for_transform(b, rows) || chosen_transform_bytes(b, rows) > static_cast<double>(b->memory);
}

static bool calibration_is_lost(const Build* b) {
    if (b->objects->finder != nullptr || calibration_bytes(b, b->full_rows) == 0) return false;
    const double bytes = calibration_bytes(b, std::min(b->fit_rows, b->full_rows));
    return bytes == 0 || bytes > static_cast<double>(b->memory);
}

static const char* losses_of(const Build* b) {
    StringInfoData losses;
    initStringInfo(&losses);
    if (b->training_rows < kMinTrainingRows && b->full_rows >= kMinTrainingRows) {
        add_loss(&losses, "It is not trained, and a scan compares the query with all rows.");
        return losses.data;
    }
    if (b->fit_rows < b->needed_rows)
        add_loss(&losses, psprintf("It is trained on %u rows instead of %.0f.", b->training_rows, b->full_rows));
    if (transform_is_lost(b))
        add_loss(&losses, psprintf("No transform is looked for, so codes are of all %d dimensions.", b->dims));
    if (calibration_is_lost(b))
        add_loss(&losses, "Recall is not measured, so vectorq.target_recall goes by a rule of thumb.");
    return losses.data;
}

void build_report_memory(Build* b) {
    const char* losses = losses_of(b);
    if (losses[0] == '\0') return;
    b->short_of_memory = true;
    const double bytes = std::max(b->full_bytes, calibration_bytes(b, b->full_rows));
    const int megabytes = static_cast<int>(std::ceil(bytes / (1024 * 1024)));
    ereport(NOTICE,
            (errmsg("index \"%s\" is built in less memory than its rows call for", RelationGetRelationName(b->index)),
             errdetail("maintenance_work_mem is %d MB, and %d MB are needed.%s", maintenance_work_mem / 1024, megabytes,
                       losses),
             errhint("Set maintenance_work_mem to %d MB or more, and REINDEX.", megabytes)));
}

}  // namespace vectorq
