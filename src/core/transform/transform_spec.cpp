// Reading and writing of the option `transform` (see transform_spec.h).
#include "core/transform/transform_spec.h"

#include <cstring>

#include "core/base/error.h"

namespace vectorq {
namespace {

constexpr uint32_t kMaxNumber = 65535;

enum class NumberUse : uint8_t { kNone, kOptional, kRequired };
struct Row {
    TransformKind kind;
    const char* name;
    NumberUse number;
};
constexpr Row kRows[] = {
    {TransformKind::kNone, "none", NumberUse::kNone},
    {TransformKind::kCenter, "center", NumberUse::kNone},
    {TransformKind::kPca, "pca", NumberUse::kRequired},
    {TransformKind::kPcaWhiten, "pcaw", NumberUse::kRequired},
    {TransformKind::kPcaRotate, "pcar", NumberUse::kRequired},
    {TransformKind::kPcaWhitenRotate, "pcawr", NumberUse::kRequired},
    {TransformKind::kRotate, "rr", NumberUse::kOptional},
    {TransformKind::kOpq, "opq", NumberUse::kRequired},
    {TransformKind::kBalance, "balance", NumberUse::kRequired},
    {TransformKind::kCorr, "corr", NumberUse::kRequired},
};
constexpr char kHint[] =
    "Use none, center, pcaN, pcawN, pcarN, pcawrN, rr, rrN, opqM, opqM_N, balanceM or corrM, for example pca64 or "
    "opq16_64.";

std::string Lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    }
    return lower;
}

[[noreturn]] void Unknown(std::string_view text, const char* why) {
    throw Error(ErrorKind::kInvalidArgument, "invalid transform \"" + std::string(text) + "\": " + why, kHint);
}

// Reads decimal digits off the front of `rest`; 0 if there are none.
uint32_t TakeNumber(std::string_view text, std::string_view& rest) {
    if (rest.empty() || rest.front() < '0' || rest.front() > '9') return 0;
    uint32_t number = 0;
    for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; rest.remove_prefix(1)) {
        number = number * 10 + uint32_t(rest.front() - '0');
        if (number > kMaxNumber) Unknown(text, "the number is too large");
    }
    if (number == 0) Unknown(text, "the number must be positive");
    return number;
}

const Row* FindRow(std::string_view name) {
    for (const Row& row : kRows) {
        if (name == row.name) return &row;
    }
    return nullptr;
}

const Row& RowOf(TransformKind kind) {
    for (const Row& row : kRows) {
        if (row.kind == kind) return row;
    }
    throw Error(ErrorKind::kCorrupted, "unknown kind of transform");
}

[[noreturn]] void Impossible(const TransformSpec& spec, const std::string& why, const char* hint) {
    throw Error(ErrorKind::kInvalidArgument, "transform \"" + FormatTransform(spec) + "\" is not possible: " + why,
                hint);
}

}  // namespace

TransformSpec ParseTransform(std::string_view text) {
    const std::string lower = Lower(text);
    std::string_view rest = lower;
    size_t letters = 0;
    while (letters < rest.size() && rest[letters] >= 'a' && rest[letters] <= 'z') letters++;
    const Row* row = FindRow(rest.substr(0, letters));
    if (row == nullptr) Unknown(text, "there is no such transform");
    rest.remove_prefix(letters);
    TransformSpec spec{row->kind, 0, 0};
    const uint32_t number = TakeNumber(text, rest);
    if (number == 0 && row->number == NumberUse::kRequired) Unknown(text, "a number must follow the name");
    if (number != 0 && row->number == NumberUse::kNone) Unknown(text, "it takes no number");
    if (!CountsSubspaces(row->kind)) {
        spec.out_dims = number;
    } else {
        spec.opq_m = number;
        if (row->kind == TransformKind::kOpq && !rest.empty() && rest.front() == '_') {
            rest.remove_prefix(1);
            spec.out_dims = TakeNumber(text, rest);
            if (spec.out_dims == 0) Unknown(text, "a number of dimensions must follow \"_\"");
        }
    }
    if (!rest.empty()) Unknown(text, "there is text behind its end");
    return spec;
}

TransformSpec ResolveTransform(TransformSpec spec, size_t in_dims) {
    const TransformSpec given = spec;
    if (spec.out_dims > in_dims) {
        Impossible(given, "the vectors have " + std::to_string(in_dims) + " dimensions only",
                   "A transform keeps or lowers the number of dimensions.");
    }
    if (spec.out_dims == 0) spec.out_dims = uint32_t(in_dims);
    if (CountsSubspaces(spec.kind) && spec.opq_m > spec.out_dims) {
        Impossible(given,
                   "there are more subspaces than the " + std::to_string(spec.out_dims) + " dimensions they divide",
                   "Each subspace needs at least one dimension.");
    }
    return spec;
}

std::string FormatTransform(const TransformSpec& spec) {
    std::string text = RowOf(spec.kind).name;
    const NumberUse use = RowOf(spec.kind).number;
    if (CountsSubspaces(spec.kind)) {
        text += std::to_string(spec.opq_m);
        if (spec.kind == TransformKind::kOpq && spec.out_dims != 0)
            text.append("_").append(std::to_string(spec.out_dims));
    } else if (use != NumberUse::kNone && spec.out_dims != 0) {
        text += std::to_string(spec.out_dims);
    }
    return text;
}

}  // namespace vectorq
