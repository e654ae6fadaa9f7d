// How far a scan looks: the one place that turns vectorq.target_recall, vectorq.nprobe and vectorq.reorder_rows into
// lists to probe and entries to reorder.
#pragma once
#include "am/options.h"
#include "store/storage.h"
#include "core/page/calibration_page.h"

namespace vectorq {

struct ScanChoice {
    uint32 nprobe;
    Size reorder_rows;  // 0: the rule of the code's coarseness (reorder.cpp)
    float target;       // recall that the settings were chosen for; 0: lists by hand, or not calibrated
    bool by_effort;     // nprobe is that of the mean query (core/calibrate/effort.h)
};

// Settings of this session for a scan that is asked for `rows` rows.
ScanChoice choose_settings(const MetaPage* meta, const Calibration* calibration, double rows);

// What a scan reckons with that knows nothing of the one before.
inline constexpr uint64 kUsualRows = 10;

}  // namespace vectorq
