// See factory.h.
#include "core/factory/factory.h"

#include <cctype>
#include <vector>

#include "core/base/error.h"
#include "core/transform/transform_spec.h"

namespace vectorq {
namespace {

// The parts of the string while they are read one after another.
struct Reader {
    std::vector<std::string> parts;  // lower case
    size_t next = 0;

    bool AtEnd() const { return next == parts.size(); }
    const std::string& Part() const { return parts[next]; }
};

[[noreturn]] void Refuse(const std::string& message, const std::string& hint) {
    throw Error(ErrorKind::kInvalidArgument, message, hint);
}

Reader Split(std::string_view text) {
    Reader reader;
    std::string part;
    for (const char c : text) {
        if (c == ',') {
            reader.parts.push_back(part);
            part.clear();
        } else if (!std::isspace(static_cast<unsigned char>(c))) {
            part += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    reader.parts.push_back(part);
    return reader;
}

bool StartsWith(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

// A whole number at *at, which moves behind it; -1 if there is none.
long Number(const std::string& text, size_t* at) {
    const size_t begin = *at;
    long value = 0;
    while (*at < text.size() && std::isdigit(static_cast<unsigned char>(text[*at])) && *at - begin < 9)
        value = 10 * value + (text[(*at)++] - '0');
    return *at == begin ? -1 : value;
}

void Add(std::string* options, const std::string& option) {
    if (!options->empty()) *options += ", ";
    *options += option;
}

void ReadTransform(Reader* reader, std::string* options) {
    if (reader->AtEnd()) return;
    const std::string& part = reader->Part();
    if (!StartsWith(part, "pca") && !StartsWith(part, "rr") && !StartsWith(part, "opq")) return;
    Add(options, "transform = '" + FormatTransform(ParseTransform(part)) + "'");
    reader->next++;
}

// True if there are lists.
bool ReadLists(Reader* reader, std::string* options) {
    if (reader->AtEnd() || !StartsWith(reader->Part(), "ivf")) return false;
    size_t at = 3;
    const long lists = Number(reader->Part(), &at);
    if (lists < 1 || at != reader->Part().size())
        Refuse("unknown part \"" + reader->Part() + "\" of a factory string",
               "Lists are IVF and their number, as in IVF4096; their centroids are always searched exactly enough.");
    Add(options, "lists = " + std::to_string(lists));
    reader->next++;
    return true;
}

void ReadProductCode(const std::string& part, bool lists, std::string* options) {
    size_t at = 2;
    const long m = Number(part, &at);
    long bits = 8;
    if (at < part.size() && part[at] == 'x') bits = Number(part, &++at);
    const std::string rest = part.substr(at);
    if (m < 1 || bits < 4 || bits > 8 || !(rest.empty() || (bits == 4 && (rest == "fs" || rest == "fsr"))))
        Refuse("unknown product code \"" + part + "\" of a factory string",
               "Write PQ and the number of subvectors, as in PQ16, PQ16x5 or PQ64x4fs; bits are 4 to 8.");
    if (lists) Add(options, "quantizer = 'pq'");
    Add(options, "subvectors = " + std::to_string(m));
    if (bits != 8) Add(options, "bits = " + std::to_string(bits));
}

// What refines the rows that the codes chose, as the option reorder has it; empty if there is no such part.
std::string ReadRefinement(Reader* reader) {
    if (reader->AtEnd()) return "";
    const std::string& part = reader->Part();
    std::string refined;
    if (part == "rflat" || part == "refine(flat)") refined = "heap";
    if (part == "rsq8" || part == "refine(sq8)") refined = "sq8";
    if (part == "rsqfp16" || part == "refine(sqfp16)") refined = "f16";
    if (!refined.empty()) reader->next++;
    return refined;
}

}  // namespace

FactoryOptions ParseFactory(std::string_view text) {
    Reader reader = Split(text);
    std::string transform, options;
    ReadTransform(&reader, &transform);
    const bool lists = ReadLists(&reader, &options);
    if (reader.AtEnd()) Refuse("the factory string names no code", "End it with Flat, SQ8, SQfp16 or PQ and a number.");
    const std::string code = reader.parts[reader.next++];
    const bool product = StartsWith(code, "pq");
    const bool pq_alone = product && !lists;
    if (!lists && !product) Add(&options, "lists = 1");
    if (product) {
        ReadProductCode(code, lists, &options);
    } else if (code == "sq8") {
        Add(&options, "quantizer = 'sq8'");
    } else if (code == "sqfp16") {
        Add(&options, "quantizer = 'f16'");
    } else if (code != "flat") {
        Refuse("unknown part \"" + code + "\" of a factory string",
               "The codes are Flat, SQ8, SQfp16 and PQ; there are no graphs (HNSW, NSG) and no hashes here.");
    } else if (!lists && transform.empty()) {
        Refuse("Flat is a scan of the table", "Build no index: ORDER BY distance LIMIT k without one is exact.");
    }
    const std::string refined = ReadRefinement(&reader);
    if (!reader.AtEnd())
        Refuse("unknown part \"" + reader.Part() + "\" of a factory string",
               "After the code comes RFlat, Refine(SQ8), Refine(SQfp16) or nothing.");
    if (!transform.empty()) Add(&options, transform);
    if (!refined.empty()) Add(&options, "reorder = '" + refined + "'");
    else if (product || code == "sq8" || !transform.empty()) Add(&options, "reorder = 'off'");
    return {pq_alone ? "pq" : "ivf", options};
}

}  // namespace vectorq
