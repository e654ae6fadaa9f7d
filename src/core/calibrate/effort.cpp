// See effort.h.
#include "core/calibrate/effort.h"

#include <algorithm>
#include <cmath>

namespace vectorq {

// Of the fitted logarithm: recall is a mean, so a query that is hard for its last neighbours should not get all that it
// would need. 0.65 to 0.8 was best on held-out queries of all sets (docs/measurements/effort.md).
static constexpr double kPower = 0.75;
// Ridge, as a part of a feature's variance: the two distances go together, and queries are few.
static constexpr double kRidge = 0.02;
static constexpr size_t kFewestSamples = 24;
// A nearest distance below this part of the farther one says no more.
static constexpr double kNearestShare = 0.05;
static constexpr double kLeastSpread = 1e-6;

EffortFeatures FeaturesOf(double nearest_distance, double farther_distance) noexcept {
    if (!(farther_distance > 0) || !std::isfinite(farther_distance)) return {};
    const double nearest = std::max(nearest_distance, kNearestShare * farther_distance);
    return {float(std::log(nearest)), float(std::log(farther_distance))};
}

double EffortOf(const EffortRule& rule, const EffortFeatures& features) noexcept {
    const double logarithm =
        rule.constant + double(rule.nearest) * features.nearest + double(rule.farther) * features.farther;
    if (!(logarithm == logarithm)) return 1;
    return std::exp(std::clamp(logarithm, -std::log(kMostEffort), std::log(kMostEffort)));
}

uint32_t ListsWithEffort(uint32_t mean, double effort, uint32_t lists) noexcept {
    if (mean >= lists) return lists;
    return std::clamp(uint32_t(std::lround(mean * effort)), 1u, lists);
}

namespace {
struct Line {  // of standardised features
    double mean = 0, spread = 0;
};
}  // namespace

static Line LineOf(const std::vector<EffortSample>& samples, float EffortFeatures::*feature) noexcept {
    Line line;
    for (const EffortSample& s : samples) line.mean += s.features.*feature / double(samples.size());
    for (const EffortSample& s : samples)
        line.spread += (s.features.*feature - line.mean) * (s.features.*feature - line.mean) / double(samples.size());
    line.spread = std::sqrt(line.spread);
    return line;
}

// Moves the constant until the mean effort is 1: the limits cut some off.
static void Centre(const std::vector<EffortSample>& samples, EffortRule* rule) noexcept {
    for (int round = 0; round < 4; round++) {
        double sum = 0;
        for (const EffortSample& s : samples) sum += EffortOf(*rule, s.features);
        rule->constant -= float(std::log(sum / double(samples.size())));
    }
}

EffortRule FitEffort(const std::vector<EffortSample>& samples) {
    EffortRule rule{};
    const double n = double(samples.size());
    if (samples.size() < kFewestSamples) return rule;
    const Line near = LineOf(samples, &EffortFeatures::nearest), far = LineOf(samples, &EffortFeatures::farther);
    if (near.spread < kLeastSpread || far.spread < kLeastSpread) return rule;
    double mean = 0, together = 0, near_lists = 0, far_lists = 0;
    for (const EffortSample& s : samples) mean += std::log(s.lists) / n;
    for (const EffortSample& s : samples) {
        const double a = (s.features.nearest - near.mean) / near.spread,
                     b = (s.features.farther - far.mean) / far.spread;
        together += a * b / n;
        near_lists += a * (std::log(s.lists) - mean) / n;
        far_lists += b * (std::log(s.lists) - mean) / n;
    }
    // Two equations: (1 + ridge) a + together b = near_lists, together a + (1 + ridge) b = far_lists.
    const double own = 1 + kRidge, determinant = own * own - together * together;
    rule.nearest = float(kPower * (own * near_lists - together * far_lists) / determinant / near.spread);
    rule.farther = float(kPower * (own * far_lists - together * near_lists) / determinant / far.spread);
    rule.constant = float(-rule.nearest * near.mean - rule.farther * far.mean);
    Centre(samples, &rule);
    return rule;
}

}  // namespace vectorq
