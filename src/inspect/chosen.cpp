// See chosen.h. The rules themselves are where they are applied: build/build.cpp, build/sample.cpp; why they are so:
// docs/measurements/options.md.
#include "inspect/chosen.h"

#include "am/options.h"
#include "inspect/open.h"

namespace vectorq {

static void describe_lists(StringInfo out, const MetaPage* meta, bool trained) {
    if (!trained) appendStringInfo(out, "lists = 1: too few rows to train when it was built\n");
    else if (meta->lists == 1) appendStringInfo(out, "lists = 1: fewer than 2,000 rows when it was built\n");
    else
        appendStringInfo(out, "lists = %u: %s\n", meta->lists,
                         meta->access_method == static_cast<uint8>(AmKind::kAh)
                             ? "rows to the power of 3/4, by 8, at most four times their root"
                             : "four times the root of the rows");
}

static void describe_code(StringInfo out, const MetaPage* meta) {
    if (meta->bits == 4)
        appendStringInfo(out, "subvectors = %u: half of the %u dimensions, since parts have 4 bits\n", meta->subvectors,
                         meta->code_dims);
    else
        appendStringInfo(out, "subvectors = %u: a quarter of the %u dimensions, 256 at most\n", meta->subvectors,
                         meta->code_dims);
}

static void describe_transform(StringInfo out, const MetaPage* meta) {
    appendStringInfo(out, "transform = pcar%u: nine tenths of the rows' variance, in these of %u directions\n",
                     meta->code_dims, meta->dims);
}

static void describe_calibration(StringInfo out, const Calibration* calibration) {
    if (calibration->source == kNotCalibrated)
        appendStringInfo(out, "nprobe: a rule of thumb, since too few rows were there to measure recall\n");
    else if (calibration->effort.nearest != 0 || calibration->effort.farther != 0)
        appendStringInfo(out,
                         "nprobe: by target_recall, times distance of the nearest list ^ %.2f * of the 51st ^ %.2f\n",
                         calibration->effort.nearest, calibration->effort.farther);
    else
        appendStringInfo(
            out, "nprobe: by target_recall, the same for every query, since distances of lists told too little\n");
}

char* describe_chosen(Relation index, const MetaPage* meta, const Calibration* calibration) {
    const IndexOptions options = index_options(index);
    const bool trained = (meta->flags & kMetaTrained) != 0;
    StringInfoData out;
    initStringInfo(&out);
    if (options.lists == 0) describe_lists(&out, meta, trained);
    if (meta->transform != 0 && !options.transform_given) describe_transform(&out, meta);
    if (trained && meta->subvectors > 0 && options.subvectors == 0) describe_code(&out, meta);
    if (trained && options.training_rows == 0)
        appendStringInfo(&out, "training_rows = %u: by lists and code, within maintenance_work_mem\n",
                         meta->training_rows);
    if (trained && options.reorder == kReorderAuto)
        appendStringInfo(&out, "reorder = %s: codes %s\n", reorder_name(meta->reorder),
                         static_cast<Reorder>(meta->reorder) == Reorder::kOff ? "are the rows" : "are not exact");
    if (meta->lists > 1) describe_calibration(&out, calibration);
    if (out.len > 0) out.data[--out.len] = '\0';
    return out.data;
}

}  // namespace vectorq
