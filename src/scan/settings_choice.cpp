// See settings_choice.h.
#include "scan/settings_choice.h"

#include <algorithm>
#include <cmath>

#include "core/calibrate/ladder.h"
#include "pg/entry.h"

namespace vectorq {

// For an index that is not calibrated, a rule of thumb: recall@10 of 0.95 took 36 of 565 lists (20,000 SIFT rows, make
// demo) and 45 to 55 of 4,000 (a million); a little generous.
static double automatic_nprobe(uint32 lists) { return 6.5 * std::pow(static_cast<double>(lists), 0.27); }

// Two lists to find a row in: 24 probes instead of 55 for recall@10 of 0.95 on a million SIFT rows, 15 instead of 46 on
// sentence embeddings by cosine, 24 instead of 80 by inner product. Generous, as above.
static constexpr double kSoarProbes = 0.6;
// A fifth fewer lists for any recall (docs/measurements/replicas.md).
static constexpr double kClosureProbes = 0.8;

ScanChoice choose_settings(const MetaPage* meta, const Calibration* calibration, double rows) {
    ScanChoice choice = {0, static_cast<Size>(settings.reorder_rows), 0, false};
    if (calibration->source != kNotCalibrated) {
        const ScanSettings chosen = SettingsFor(*calibration, settings.target_recall, rows, meta->live_lists);
        choice.nprobe = chosen.nprobe;
        // Lists by hand may be many more than the target needs: the rows that it needs would then bound the recall.
        if (choice.reorder_rows == 0 && settings.nprobe == 0) choice.reorder_rows = chosen.rows;
        choice.target = settings.nprobe > 0 ? 0 : static_cast<float>(settings.target_recall);
        choice.by_effort = choice.target > 0 && (calibration->effort.nearest != 0 || calibration->effort.farther != 0);
    } else {
        choice.nprobe =
            static_cast<uint32>(std::ceil(automatic_nprobe(meta->live_lists) * (CopiesVary(*meta) ? kClosureProbes
                                                                                : CopiesOfRow(*meta) > 1 ? kSoarProbes
                                                                                                         : 1)));
    }
    if (settings.nprobe > 0) choice.nprobe = static_cast<uint32>(settings.nprobe);
    choice.nprobe = std::clamp<uint32>(choice.nprobe, 1, meta->live_lists);
    return choice;
}

}  // namespace vectorq
