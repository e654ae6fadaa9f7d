// How far a long computation is: a share from 0 to 1 that never falls, told to a plain function. A step of a
// computation gets a part of the whole, so that each step counts from 0 to 1 by itself.
// The calling thread alone reports, as it alone polls a StopToken.
#pragma once

namespace vectorq {

class Progress {
public:
    // Must neither throw nor jump.
    using ReportFn = void (*)(void* arg, double share);
    // Tells nobody.
    constexpr Progress() noexcept = default;
    constexpr Progress(ReportFn report, void* arg) noexcept : report_(report), arg_(arg) {}

    void Report(double share) const noexcept {
        if (report_ != nullptr) report_(arg_, from_ + share * (to_ - from_));
    }
    // For the step that takes this computation from share `from` to `to`.
    constexpr Progress Part(double from, double to) const noexcept {
        Progress part = *this;
        part.from_ = from_ + from * (to_ - from_);
        part.to_ = from_ + to * (to_ - from_);
        return part;
    }

private:
    ReportFn report_ = nullptr;
    void* arg_ = nullptr;
    double from_ = 0, to_ = 1;
};

}  // namespace vectorq
