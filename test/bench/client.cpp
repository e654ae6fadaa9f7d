// Benchmark client: one libpq connection, prepared statements, vectors sent in binary.
//
//   client load  --table NAME --file X.npy [--rows N]
//       binary COPY of the rows into NAME (id bigint, embedding vector), ids 0, 1, 2, ...
//   client query --file Q.npy --sql 'SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 10' --k 10
//                [--queries N] [--repeats R] [--warmup W] [--set 'SET ...']... [--out IDS]
//       runs the queries one after the other and prints JSON; a query's time is from sending it to
//       having all of its rows. --out writes int64 ids [queries][k], -1 where fewer rows came.
//
// The server is found as by psql (PGHOST, PGPORT, PGUSER, PGDATABASE). Files: .npy of uint8 or float32.
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

[[noreturn]] void Fail(const std::string& message) {
    std::fprintf(stderr, "client: %s\n", message.c_str());
    std::exit(1);
}

// Rows of a .npy file, read whole, kept in the file's own type.
struct Rows {
    size_t count = 0, dims = 0, value_bytes = 0;
    std::vector<unsigned char> bytes;

    float Value(size_t row, size_t dim) const {
        const unsigned char* at = bytes.data() + (row * dims + dim) * value_bytes;
        if (value_bytes == 1) return *at;
        float value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
};

Rows ReadNpy(const std::string& path, size_t max_rows) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) Fail("cannot open " + path);
    unsigned char head[12];
    if (std::fread(head, 1, 10, file) != 10 || std::memcmp(head, "\x93NUMPY", 6) != 0) Fail(path + " is no .npy file");
    size_t header_bytes = head[8] | head[9] << 8;
    if (head[6] >= 2) {
        if (std::fread(head + 10, 1, 2, file) != 2) Fail(path + " is cut short");
        header_bytes |= size_t{head[10]} << 16 | size_t{head[11]} << 24;
    }
    std::string header(header_bytes, '\0');
    if (std::fread(header.data(), 1, header_bytes, file) != header_bytes) Fail(path + " is cut short");

    Rows rows;
    if (header.find("'|u1'") != std::string::npos) rows.value_bytes = 1;
    if (header.find("'<f4'") != std::string::npos) rows.value_bytes = 4;
    const size_t shape = header.find("'shape'");
    const size_t open = shape == std::string::npos ? shape : header.find('(', shape);
    if (rows.value_bytes == 0 || open == std::string::npos ||
        header.find("'fortran_order': False") == std::string::npos ||
        std::sscanf(header.c_str() + open, "(%zu, %zu)", &rows.count, &rows.dims) != 2)
        Fail(path + ": wanted a two-dimensional uint8 or float32 array in C order");
    if (max_rows != 0) rows.count = std::min(rows.count, max_rows);
    rows.bytes.resize(rows.count * rows.dims * rows.value_bytes);
    if (std::fread(rows.bytes.data(), 1, rows.bytes.size(), file) != rows.bytes.size()) Fail(path + " is cut short");
    std::fclose(file);
    return rows;
}

void Put16(std::string& out, uint16_t value) {
    out.push_back(char(value >> 8));
    out.push_back(char(value));
}
void Put32(std::string& out, uint32_t value) {
    Put16(out, uint16_t(value >> 16));
    Put16(out, uint16_t(value));
}

// The binary form of type vector: int16 dims, int16 0, big-endian float4 values.
std::string VectorMessage(const Rows& rows, size_t row) {
    std::string out;
    out.reserve(4 + 4 * rows.dims);
    Put16(out, uint16_t(rows.dims));
    Put16(out, 0);
    for (size_t dim = 0; dim < rows.dims; dim++) {
        const float value = rows.Value(row, dim);
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        Put32(out, bits);
    }
    return out;
}

PGconn* Connect() {
    PGconn* connection = PQconnectdb("");
    if (PQstatus(connection) != CONNECTION_OK) Fail(PQerrorMessage(connection));
    return connection;
}

PGresult* Check(PGconn* connection, PGresult* result, ExecStatusType wanted) {
    if (PQresultStatus(result) != wanted) Fail(PQerrorMessage(connection));
    return result;
}

void Run(PGconn* connection, const std::string& sql) {
    PGresult* result = PQexec(connection, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) Fail(sql + ": " + PQerrorMessage(connection));
    PQclear(result);
}

void Load(const std::string& table, const Rows& rows) {
    PGconn* connection = Connect();
    PQclear(Check(connection,
                  PQexec(connection, ("COPY " + table + " (id, embedding) FROM STDIN (FORMAT binary)").c_str()),
                  PGRES_COPY_IN));
    std::string out("PGCOPY\n\377\r\n\0", 11);
    Put32(out, 0);
    Put32(out, 0);
    const auto flush = [&] {
        if (PQputCopyData(connection, out.data(), int(out.size())) != 1) Fail(PQerrorMessage(connection));
        out.clear();
    };
    for (size_t row = 0; row < rows.count; row++) {
        const std::string vector = VectorMessage(rows, row);
        Put16(out, 2);
        Put32(out, 8);
        Put32(out, uint32_t(uint64_t(row) >> 32));
        Put32(out, uint32_t(row));
        Put32(out, uint32_t(vector.size()));
        out += vector;
        if (out.size() > 256 * 1024) flush();
    }
    Put16(out, 0xFFFF);
    flush();
    if (PQputCopyEnd(connection, nullptr) != 1) Fail(PQerrorMessage(connection));
    PQclear(Check(connection, PQgetResult(connection), PGRES_COMMAND_OK));
    PQfinish(connection);
    std::printf("{\"rows\": %zu, \"dims\": %zu}\n", rows.count, rows.dims);
}

int64_t ResultId(const PGresult* result, int row) {
    const auto* at = reinterpret_cast<const unsigned char*>(PQgetvalue(result, row, 0));
    const int length = PQgetlength(result, row, 0);
    if (length != 4 && length != 8) Fail("the first column of the query must be integer or bigint");
    int64_t id = length == 4 ? (at[0] & 0x80 ? -1 : 0) : 0;
    for (int i = 0; i < length; i++) id = int64_t(uint64_t(id) << 8 | at[i]);
    return id;
}

struct QueryOptions {
    std::string sql, out;
    std::vector<std::string> sets;
    size_t k = 10, repeats = 1, warmup = 0;
};

void Query(const QueryOptions& options, const Rows& queries) {
    PGconn* connection = Connect();
    for (const std::string& set : options.sets) Run(connection, set);
    PGresult* type = Check(connection, PQexec(connection, "SELECT 'vector'::regtype::oid"), PGRES_TUPLES_OK);
    const Oid vector_oid = Oid(std::strtoul(PQgetvalue(type, 0, 0), nullptr, 10));
    PQclear(type);
    PQclear(Check(connection, PQprepare(connection, "q", options.sql.c_str(), 1, &vector_oid), PGRES_COMMAND_OK));

    std::vector<std::string> messages;
    for (size_t i = 0; i < queries.count; i++) messages.push_back(VectorMessage(queries, i));
    std::vector<int64_t> ids(queries.count * options.k, -1);
    std::vector<double> ms;
    const auto ask = [&](size_t i, bool keep) {
        const char* value = messages[i].data();
        const int length = int(messages[i].size()), format = 1;
        const auto start = std::chrono::steady_clock::now();
        PGresult* result = PQexecPrepared(connection, "q", 1, &value, &length, &format, 1);
        const auto end = std::chrono::steady_clock::now();
        Check(connection, result, PGRES_TUPLES_OK);
        if (keep) {
            ms.push_back(std::chrono::duration<double, std::milli>(end - start).count());
            const int found = std::min(PQntuples(result), int(options.k));
            for (int j = 0; j < found; j++) ids[i * options.k + size_t(j)] = ResultId(result, j);
        }
        PQclear(result);
    };
    for (size_t i = 0; i < options.warmup && i < queries.count; i++) ask(i, false);
    for (size_t repeat = 0; repeat < options.repeats; repeat++)
        for (size_t i = 0; i < queries.count; i++) ask(i, true);
    PQfinish(connection);

    if (!options.out.empty()) {
        std::FILE* file = std::fopen(options.out.c_str(), "wb");
        if (file == nullptr || std::fwrite(ids.data(), sizeof(int64_t), ids.size(), file) != ids.size())
            Fail("cannot write " + options.out);
        std::fclose(file);
    }
    if (ms.empty()) Fail("no query was run");
    double sum = 0;
    for (double one : ms) sum += one;
    std::sort(ms.begin(), ms.end());
    const auto quantile = [&](double q) { return ms[std::min(ms.size() - 1, size_t(q * double(ms.size())))]; };
    std::printf(
        "{\"queries\": %zu, \"repeats\": %zu, \"mean_ms\": %.4f, \"p50_ms\": %.4f, \"p95_ms\": %.4f, \"p99_ms\": %.4f, "
        "\"qps\": %.2f}\n",
        queries.count, options.repeats, sum / double(ms.size()), quantile(0.50), quantile(0.95), quantile(0.99),
        1000.0 * double(ms.size()) / sum);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    std::string file, table;
    size_t rows = 0;
    QueryOptions options;
    if (mode != "load" && mode != "query")
        Fail("usage: client load|query --file X.npy ... (see the head of client.cpp)");
    for (int i = 2; i < argc; i += 2) {
        const std::string name = argv[i];
        if (i + 1 == argc) Fail(name + " wants a value");
        const std::string value = argv[i + 1];
        const auto number = [&] { return size_t(std::strtoull(value.c_str(), nullptr, 10)); };
        if (name == "--file") file = value;
        else if (name == "--table") table = value;
        else if (name == "--rows" || name == "--queries") rows = number();
        else if (name == "--sql") options.sql = value;
        else if (name == "--set") options.sets.push_back(value);
        else if (name == "--out") options.out = value;
        else if (name == "--k") options.k = number();
        else if (name == "--repeats") options.repeats = number();
        else if (name == "--warmup") options.warmup = number();
        else Fail("no option named " + name);
    }
    const Rows data = ReadNpy(file, rows);
    if (mode == "load") Load(table, data);
    else Query(options, data);
}
