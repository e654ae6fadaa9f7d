// What an index knows of its own recall: one page, written by the build, by vacuum and by vectorq_calibrate.
//
//   +--------------------+---------------------------------------+-----+
//   | head, 60 bytes     | rungs[k of kCalibratedK][kNumTargets] | crc |
//   +--------------------+---------------------------------------+-----+
//
// A rung says how many lists to probe and how many entries to put in order for recall@k of kRungTargets[i]. Lists are
// those of the mean query: effort says what part of them another one takes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace vectorq {

inline constexpr uint32_t kCalibrationVersion = 3;
inline constexpr int kNumCalibratedK = 4;
inline constexpr uint32_t kCalibratedK[kNumCalibratedK] = {1, 10, 100, 1000};
inline constexpr int kNumTargets = 15;
inline constexpr float kRungTargets[kNumTargets] = {0.1f,   0.3f,  0.5f,   0.6f,  0.7f,  0.8f,   0.85f, 0.9f,
                                                    0.925f, 0.95f, 0.965f, 0.98f, 0.99f, 0.995f, 0.998f};

struct CalibrationRung {
    float recall;     // that the calibration's queries saw at this setting
    uint32_t nprobe;  // lists; at least 1
    uint32_t rows;    // entries to reorder; 0: the codes are the rows, or nothing reorders
};
static_assert(sizeof(CalibrationRung) == 12);

// The logarithm of a query's lists as a part of the mean query's, from logarithms of centroid distances
// (core/calibrate/effort.h). All 0: every query takes the mean.
struct EffortRule {
    float constant, nearest, farther;
};
static_assert(sizeof(EffortRule) == 12);

enum CalibrationSource : uint32_t { kNotCalibrated = 0, kCalibratedByRows = 1, kCalibratedByQueries = 2 };

// v1. v2: with an effort rule. v3: with what it took when the index was trained. crc covers everything before it.
struct Calibration {
    uint32_t version;
    uint32_t source;       // CalibrationSource
    uint32_t queries;      // that were searched for
    uint32_t blocks;       // of the index then
    uint64_t rows;         // of the index then
    float entries_a_list;  // mean over the lists that were probed
    EffortRule effort;
    uint64_t removed_rows;    // by vacuums since then
    CalibrationRung trained;  // TypicalRung() of the first calibration after training; nprobe 0: there was none
    CalibrationRung rungs[kNumCalibratedK][kNumTargets];
    uint32_t crc;
};
static_assert(std::is_trivially_copyable_v<Calibration>);
static_assert(offsetof(Calibration, rungs) == 60 && sizeof(Calibration) == 784);

// recall@10 of 0.95: what most are asked for.
inline const CalibrationRung& TypicalRung(const Calibration& calibration) noexcept { return calibration.rungs[1][9]; }
static_assert(kCalibratedK[1] == 10 && kRungTargets[9] == 0.95f);

}  // namespace vectorq
