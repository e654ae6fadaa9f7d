// Codes of all rows by the core's own trainer and encoder, decoded again, for run_aniso.py.
//
//   aniso_codes --rows FILE --count N --dims D --m M --bits B --threshold T --out FILE [--threads N] [--seed N]
//
// --rows and --out: float32, (count, dims), nothing else. Rows are coded as they are, without lists; the direction of
// the score-aware loss is the row itself. Codebooks are trained as CREATE INDEX does (build/train.cpp). T = 0
// is the plain loss with as many rows and rounds: an eta that is 1 but for rounding takes the same path, and the codes
// are the nearest codewords. m = 1 is vector quantization. Prints figures as one line of JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include "core/base/matrix.h"
#include "core/base/parallel.h"
#include "core/quantize/anisotropic.h"
#include "core/quantize/pq.h"

namespace {
using namespace vectorq;

constexpr int kIterations = 16, kRounds = 5;  // as build/train.cpp
constexpr float kEtaPlain = 1.000001f;
constexpr size_t kGrain = 1024;

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::map<std::string, std::string> ParseArguments(int argc, char** argv) {
    std::map<std::string, std::string> values = {{"threads", "2"}, {"seed", "42"}};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strncmp(argv[i], "--", 2) != 0) throw std::runtime_error(std::string("not an option: ") + argv[i]);
        values[argv[i] + 2] = argv[i + 1];
    }
    return values;
}

void ReadFloats(const std::string& path, size_t count, float* out) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr || std::fread(out, sizeof(float), count, file) != count)
        throw std::runtime_error("cannot read " + path);
    std::fclose(file);
}

void WriteFloats(const std::string& path, size_t count, const float* in) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr || std::fwrite(in, sizeof(float), count, file) != count || std::fclose(file) != 0)
        throw std::runtime_error("cannot write " + path);
}

struct Coder {
    PqShape shape;
    float eta;  // of the codes: <= 1 is plain
    int threads;
    AlignedArray<float> codebook;
    StopToken stop;

    // decoded := what the codes of `rows` stand for. Returns the sum of squared errors.
    double EncodeAndDecode(const Matrix& rows, Matrix& decoded) {
        const size_t dims = shape.dims, bytes = PqCodeBytes(shape), floats = AnisotropicEncodeScratchFloats(shape);
        AlignedArray<float> scratch(floats * size_t(threads));
        AlignedArray<uint8_t> codes(rows.rows() * bytes);
        AlignedArray<double> errors((rows.rows() + kGrain - 1) / kGrain);
        ParallelFor(rows.rows(), kGrain, threads, stop, [&](size_t begin, size_t end, int thread) {
            EncodeAnisotropicPq(shape, codebook.data(), eta, rows.row(begin), rows.row(begin), end - begin,
                                codes.data() + begin * bytes, scratch.data() + size_t(thread) * floats);
            double sum = 0;
            for (size_t i = begin; i < end; i++) {
                DecodePq(shape, codebook.data(), codes.data() + i * bytes, decoded.row(i));
                for (size_t d = 0; d < dims; d++) {
                    const double error = double(rows.row(i)[d]) - decoded.row(i)[d];
                    sum += error * error;
                }
            }
            errors[begin / kGrain] = sum;
        });
        double total = 0;
        for (size_t i = 0; i < errors.size(); i++) total += errors[i];
        return total;
    }
};

void Run(std::map<std::string, std::string> values) {
    const auto number = [&](const char* name) { return std::strtoull(values.at(name).c_str(), nullptr, 10); };
    const size_t count = number("count");
    const float threshold = std::strtof(values.at("threshold").c_str(), nullptr);
    Coder coder;
    coder.shape = {uint32_t(number("dims")), uint32_t(number("m")), uint32_t(number("bits"))};
    coder.eta = AnisotropicEta(threshold, coder.shape.dims);
    coder.threads = std::max(1, int(number("threads")));
    if (count == 0 || !PqShapeIsValid(coder.shape)) throw std::runtime_error("these numbers make no product code");
    Matrix rows(count, coder.shape.dims), decoded(count, coder.shape.dims);
    ReadFloats(values.at("rows"), count * coder.shape.dims, rows.data());
    const double start = Now();
    coder.codebook = TrainAnisotropicPq(coder.shape, rows, rows, std::max(coder.eta, kEtaPlain), kIterations, kRounds,
                                        number("seed"), coder.threads, coder.stop);
    const double trained = Now();
    const double error = coder.EncodeAndDecode(rows, decoded);
    const double encoded = Now();
    WriteFloats(values.at("out"), count * coder.shape.dims, decoded.data());
    std::printf("{\"eta\": %.4g, \"mean_sq_error\": %.6g, \"train_s\": %.2f, \"encode_s\": %.2f}\n", double(coder.eta),
                error / double(count), trained - start, encoded - trained);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        Run(ParseArguments(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "aniso_codes: %s\n", error.what());
        return 1;
    }
    return 0;
}
