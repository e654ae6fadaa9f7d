// One NOTICE when an index loses something for want of memory: what, and how much memory would keep it.
#include <algorithm>
#include <cmath>

#include "build/build.h"

namespace vectorq {

// Appends a sentence.
static void add_loss(StringInfo losses, const char* loss) { appendStringInfo(losses, " %s", loss); }

static bool transform_is_lost(const Build* b) {
    return looks_for_transform(b, b->expected_rows) &&
           directions_bytes(b) > static_cast<double>(b->memory + kDirectionsSlack);
}

static bool calibration_is_lost(const Build* b) {
    if (b->objects->finder != nullptr || calibration_bytes(b, b->full_rows) == 0) return false;
    const double bytes = calibration_bytes(b, std::min(b->fit_rows, b->full_rows));
    return bytes == 0 || bytes > static_cast<double>(b->memory);
}

// Appends what was lost; returns the bytes that keep it.
static double losses_of(const Build* b, StringInfo losses) {
    double bytes = 0;
    if (b->fit_rows < b->needed_rows) {
        add_loss(losses, psprintf("It is trained on %u rows instead of %.0f.", b->training_rows, b->needed_rows));
        bytes = b->needed_bytes;
    }
    if (transform_is_lost(b)) {
        add_loss(losses, psprintf("No transform is looked for, so codes are of all %d dimensions.", b->dims));
        bytes = std::max(bytes, directions_bytes(b) - kDirectionsSlack);
    }
    if (calibration_is_lost(b)) {
        add_loss(losses, "Recall is not measured, so vectorq.target_recall goes by a rule of thumb.");
        bytes = std::max(bytes, calibration_bytes(b, b->full_rows));
    }
    return bytes;
}

void build_report_memory(Build* b) {
    StringInfoData losses;
    initStringInfo(&losses);
    const int megabytes = static_cast<int>(std::ceil(losses_of(b, &losses) / (1024 * 1024)));
    if (losses.len == 0) return;
    ereport(NOTICE,
            (errmsg("index \"%s\" is built in less memory than its rows call for", RelationGetRelationName(b->index)),
             errdetail("maintenance_work_mem is %d MB, and %d MB are needed.%s", static_cast<int>(b->memory >> 20),
                       megabytes, losses.data),
             errhint("Set maintenance_work_mem to %d MB or more, and REINDEX.", megabytes)));
}

}  // namespace vectorq
