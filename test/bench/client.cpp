// Benchmark client: libpq connections, prepared statements, vectors sent in binary.
//
//   client load   --table NAME --file X.npy [--from ROW] [--rows N]
//       binary COPY of the rows into NAME (id bigint, embedding vector), ids = row numbers
//   client insert --table NAME --file X.npy [--from ROW] [--rows N] [--id-shift S]
//       the same by INSERT, a row a statement, 100 rows a transaction; ids = row numbers + S
//   client query  --file Q.npy --sql 'SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 10' --k 10
//                 [--queries N] [--connections C] [--repeats R] [--warmup W] [--set 'SET ...']... [--out IDS]
//       runs the queries one after the other, on C connections at once, each on a processor of its own with its server
//       process, and prints JSON; a query's time is from sending it to having all of its rows. --out writes int64 ids
//       [queries][k], -1 where fewer rows came.
//                 --drop FILE: before each query the files that FILE names, a line each, are dropped from the page
//                 cache; prints what the server process then read from disk (read_bytes), if /proc lets us see
//   client first  like query: each query on a fresh connection, not prepared, and then once more
//
// The server is found as by psql (PGHOST, PGPORT, PGUSER, PGDATABASE). Files: .npy of uint8 or float32; with
// --type bit, the column's type, of uint8 that hold eight bits each.
#include <fcntl.h>
#include <libpq-fe.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
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
    bool bits = false;  // eight to a byte, for type bit

    float Value(size_t row, size_t dim) const {
        const unsigned char* at = bytes.data() + (row * dims + dim) * value_bytes;
        if (value_bytes == 1) return *at;
        float value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
};

// At most max_rows rows (0 = all) from row `from` on.
Rows ReadNpy(const std::string& path, size_t from, size_t max_rows) {
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
    if (from > rows.count) Fail(path + " has no row " + std::to_string(from));
    rows.count -= from;
    if (max_rows != 0) rows.count = std::min(rows.count, max_rows);
    if (std::fseek(file, long(from * rows.dims * rows.value_bytes), SEEK_CUR) != 0) Fail(path + " cannot be read");
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
void Put64(std::string& out, uint64_t value) {
    Put32(out, uint32_t(value >> 32));
    Put32(out, uint32_t(value));
}

// The binary form of type vector: int16 dims, int16 0, big-endian float4 values; of type bit: int32 bits, and these.
std::string VectorMessage(const Rows& rows, size_t row) {
    std::string out;
    if (rows.bits) {
        Put32(out, uint32_t(8 * rows.dims));
        return out.append(reinterpret_cast<const char*>(rows.bytes.data()) + row * rows.dims, rows.dims);
    }
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

double Seconds(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Oid VectorOid(PGconn* connection, const Rows& rows) {
    if (rows.bits) return 1560;
    PGresult* type = Check(connection, PQexec(connection, "SELECT 'vector'::regtype::oid"), PGRES_TUPLES_OK);
    const Oid oid = Oid(std::strtoul(PQgetvalue(type, 0, 0), nullptr, 10));
    PQclear(type);
    return oid;
}

void Load(const std::string& table, const Rows& rows, size_t first_id) {
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
        Put64(out, first_id + row);
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

void Insert(const std::string& table, const Rows& rows, size_t first_id) {
    constexpr size_t kRowsPerTransaction = 100;
    PGconn* connection = Connect();
    const Oid types[] = {20 /* bigint */, VectorOid(connection, rows)};
    const std::string sql = "INSERT INTO " + table + " (id, embedding) VALUES ($1, $2)";
    PQclear(Check(connection, PQprepare(connection, "i", sql.c_str(), 2, types), PGRES_COMMAND_OK));
    const auto start = std::chrono::steady_clock::now();
    for (size_t row = 0; row < rows.count; row++) {
        if (row % kRowsPerTransaction == 0) Run(connection, row == 0 ? "BEGIN" : "COMMIT; BEGIN");
        std::string id;
        Put64(id, first_id + row);
        const std::string vector = VectorMessage(rows, row);
        const char* values[] = {id.data(), vector.data()};
        const int lengths[] = {int(id.size()), int(vector.size())}, formats[] = {1, 1};
        PQclear(Check(connection, PQexecPrepared(connection, "i", 2, values, lengths, formats, 1), PGRES_COMMAND_OK));
    }
    Run(connection, "COMMIT");
    const double seconds = Seconds(start);
    PQfinish(connection);
    std::printf("{\"rows\": %zu, \"seconds\": %.4f, \"rows_per_s\": %.1f}\n", rows.count, seconds,
                double(rows.count) / seconds);
}

struct QueryOptions {
    std::string sql, out, drop;
    std::vector<std::string> sets;
    size_t k = 10, repeats = 1, warmup = 0, connections = 1;
};

double Mean(const std::vector<double>& ms) {
    double sum = 0;
    for (double one : ms) sum += one;
    return sum / double(ms.size());
}

// `sorted` in ascending order, not empty.
double Quantile(const std::vector<double>& sorted, double q) {
    return sorted[std::min(sorted.size() - 1, size_t(q * double(sorted.size())))];
}

// Files that are to be read from disk, not from the page cache.
class DroppedFiles {
public:
    explicit DroppedFiles(const std::string& list) {
        std::ifstream in(list);
        for (std::string path; std::getline(in, path);) {
            files_.push_back(open(path.c_str(), O_RDONLY));
            // What is not on disk yet cannot be dropped.
            if (files_.back() < 0 || fsync(files_.back()) != 0) Fail("cannot open or sync " + path);
        }
    }
    void Drop() const {
        for (const int file : files_)
            if (posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0) Fail("cannot drop a file from the page cache");
    }

private:
    std::vector<int> files_;
};

// Bytes that a process has had read from disk; -1 if we may not know.
long long ReadBytes(int pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/io");
    std::string name;
    for (long long value; in >> name >> value;)
        if (name == "read_bytes:") return value;
    return -1;
}

// Milliseconds that a process has had a processor; -1 if we may not know. Where others compete for it, this says more
// of two servers than the time that went by.
double ProcessorMs(int pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/schedstat");
    double nanoseconds;
    return in >> nanoseconds ? nanoseconds / 1e6 : -1;
}

PGconn* Session(const QueryOptions& options) {
    PGconn* connection = Connect();
    for (const std::string& set : options.sets) Run(connection, set);
    return connection;
}

// One connection with its share of the queries: those numbered first, first + connections, ...
class Asker {
public:
    Asker(const QueryOptions& options, const Rows& queries, size_t first, std::vector<int64_t>& ids)
        : options_(options), first_(first), ids_(ids), connection_(Session(options)), dropped_(options.drop) {
        const Oid type = VectorOid(connection_, queries);
        PQclear(Check(connection_, PQprepare(connection_, "q", options.sql.c_str(), 1, &type), PGRES_COMMAND_OK));
        for (size_t i = first; i < queries.count; i += options.connections)
            messages_.push_back(VectorMessage(queries, i));
    }
    Asker(const Asker&) = delete;
    ~Asker() { PQfinish(connection_); }

    // This thread and its server process take turns: on one processor each of their messages costs a switch between
    // them, on two a processor is woken, which under a hypervisor took 0.1 ms a query (0.13 to 0.15 against 0.23 to
    // 0.32 ms a query, in turns). Without the right to place the server's processes they stay where they are.
    void ShareProcessor() {
        cpu_set_t allowed, one;
        if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
        size_t left = first_ % size_t(CPU_COUNT(&allowed));
        int cpu = 0;
        while (!CPU_ISSET(cpu, &allowed) || left-- > 0) cpu++;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(PQbackendPID(connection_), sizeof(one), &one) == 0)
            sched_setaffinity(0, sizeof(one), &one);
    }
    void WarmUp() {
        for (size_t i = 0; i < options_.warmup && i < messages_.size(); i++) Ask(i, false);
    }
    void AskAll() {
        cpu_ms_ -= ProcessorMs(PQbackendPID(connection_));
        for (size_t repeat = 0; repeat < options_.repeats; repeat++)
            for (size_t i = 0; i < messages_.size(); i++) Ask(i, true);
        cpu_ms_ += ProcessorMs(PQbackendPID(connection_));
    }
    double CpuMs() const { return cpu_ms_; }
    const std::vector<double>& Milliseconds() const { return ms_; }
    long long DiskBytes() const { return ReadBytes(PQbackendPID(connection_)); }

private:
    void Ask(size_t i, bool keep) {
        const char* value = messages_[i].data();
        const int length = int(messages_[i].size()), format = 1;
        dropped_.Drop();
        const auto start = std::chrono::steady_clock::now();
        PGresult* result = PQexecPrepared(connection_, "q", 1, &value, &length, &format, 1);
        const double ms = 1000 * Seconds(start);
        Check(connection_, result, PGRES_TUPLES_OK);
        if (keep) {
            ms_.push_back(ms);
            int64_t* out = ids_.data() + (first_ + i * options_.connections) * options_.k;
            const int found = std::min(PQntuples(result), int(options_.k));
            for (int j = 0; j < found; j++) out[j] = ResultId(result, j);
        }
        PQclear(result);
    }

    const QueryOptions& options_;
    const size_t first_;
    std::vector<int64_t>& ids_;  // each connection writes its own queries' rows
    PGconn* connection_;
    const DroppedFiles dropped_;
    std::vector<std::string> messages_;
    std::vector<double> ms_;
    double cpu_ms_ = 0;  // of the server process
};

void Query(const QueryOptions& options, const Rows& queries) {
    std::vector<int64_t> ids(queries.count * options.k, -1);
    std::vector<std::unique_ptr<Asker>> askers;
    for (size_t i = 0; i < options.connections; i++)
        askers.push_back(std::make_unique<Asker>(options, queries, i, ids));
    std::chrono::steady_clock::time_point start;
    // Warm all connections before the clock of the whole starts.
    std::barrier warm(std::ptrdiff_t(askers.size()), [&]() noexcept { start = std::chrono::steady_clock::now(); });
    std::vector<std::thread> threads;
    for (auto& asker : askers)
        threads.emplace_back([&warm, one = asker.get()] {
            one->ShareProcessor();
            one->WarmUp();
            warm.arrive_and_wait();
            one->AskAll();
        });
    for (std::thread& thread : threads) thread.join();
    const double wall = Seconds(start);
    const long long read_bytes = askers[0]->DiskBytes();

    if (!options.out.empty()) {
        std::FILE* file = std::fopen(options.out.c_str(), "wb");
        if (file == nullptr || std::fwrite(ids.data(), sizeof(int64_t), ids.size(), file) != ids.size())
            Fail("cannot write " + options.out);
        std::fclose(file);
    }
    std::vector<double> ms;
    double cpu_ms = 0;
    for (const auto& asker : askers) {
        ms.insert(ms.end(), asker->Milliseconds().begin(), asker->Milliseconds().end());
        cpu_ms += asker->CpuMs();
    }
    if (ms.empty()) Fail("no query was run");
    std::sort(ms.begin(), ms.end());
    // With one connection the client's own work between two queries is left out.
    const double qps = options.connections == 1 ? 1000.0 / Mean(ms) : double(ms.size()) / wall;
    std::printf(
        "{\"queries\": %zu, \"repeats\": %zu, \"mean_ms\": %.4f, \"p50_ms\": %.4f, \"p95_ms\": %.4f, \"p99_ms\": %.4f, "
        "\"qps\": %.2f, \"cpu_ms\": %.4f, \"read_bytes\": %lld}\n",
        queries.count, options.repeats, Mean(ms), Quantile(ms, 0.50), Quantile(ms, 0.95), Quantile(ms, 0.99), qps,
        cpu_ms / double(ms.size()), read_bytes);
}

void First(const QueryOptions& options, const Rows& queries) {
    PGconn* other = Connect();
    const Oid type = VectorOid(other, queries);
    PQfinish(other);
    std::vector<double> ms[2];
    for (size_t i = 0; i < queries.count; i++) {
        PGconn* connection = Session(options);
        const std::string message = VectorMessage(queries, i);
        const char* value = message.data();
        const int length = int(message.size()), format = 1;
        for (std::vector<double>& times : ms) {
            const auto start = std::chrono::steady_clock::now();
            PGresult* result = PQexecParams(connection, options.sql.c_str(), 1, &type, &value, &length, &format, 1);
            times.push_back(1000 * Seconds(start));
            PQclear(Check(connection, result, PGRES_TUPLES_OK));
        }
        PQfinish(connection);
    }
    for (std::vector<double>& times : ms) std::sort(times.begin(), times.end());
    std::printf("{\"connections\": %zu, \"first_p50_ms\": %.4f, \"first_max_ms\": %.4f, \"second_p50_ms\": %.4f}\n",
                queries.count, Quantile(ms[0], 0.5), ms[0].back(), Quantile(ms[1], 0.5));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    std::string file, table;
    size_t from = 0, rows = 0, id_shift = 0;
    bool bits = false;
    QueryOptions options;
    if (mode != "load" && mode != "insert" && mode != "query" && mode != "first")
        Fail("usage: client load|insert|query|first --file X.npy ... (see the head of client.cpp)");
    for (int i = 2; i < argc; i += 2) {
        const std::string name = argv[i];
        if (i + 1 == argc) Fail(name + " wants a value");
        const std::string value = argv[i + 1];
        const auto number = [&] { return size_t(std::strtoull(value.c_str(), nullptr, 10)); };
        if (name == "--file") file = value;
        else if (name == "--table") table = value;
        else if (name == "--from") from = number();
        else if (name == "--rows" || name == "--queries") rows = number();
        else if (name == "--id-shift") id_shift = number();
        else if (name == "--connections") options.connections = std::max<size_t>(number(), 1);
        else if (name == "--sql") options.sql = value;
        else if (name == "--set") options.sets.push_back(value);
        else if (name == "--out") options.out = value;
        else if (name == "--drop") options.drop = value;
        else if (name == "--type") bits = value == "bit";
        else if (name == "--k") options.k = number();
        else if (name == "--repeats") options.repeats = number();
        else if (name == "--warmup") options.warmup = number();
        else Fail("no option named " + name);
    }
    Rows data = ReadNpy(file, from, rows);
    data.bits = bits;
    if (mode == "load") Load(table, data, from);
    else if (mode == "insert") Insert(table, data, from + id_shift);
    else if (mode == "query") Query(options, data);
    else First(options, data);
}
