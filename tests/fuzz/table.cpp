// A table's columns from arbitrary bytes: offsets, codes and numbers that make no sense are refused; else ids
// are in bounds and ascend, and two threads give what one gives.
#include <cmath>
#include <stdexcept>

#include "base/parallel.hpp"
#include "fuzz.hpp"
#include "io/table_hash.hpp"

using namespace esker;

namespace {

template <class T>
std::vector<T> numbers(fuzz::Input& input, std::size_t n) {
    std::vector<T> out(n);
    for (T& x : out) {
        std::uint8_t bytes[sizeof(T)];
        for (std::uint8_t& b : bytes) b = input.byte();
        std::memcpy(&x, bytes, sizeof(T));
    }
    return out;
}

// What a column's pointers point to.
struct Held {
    std::vector<char> text;
    std::vector<std::int32_t> offsets, codes;
    std::vector<char> missing;
    std::vector<double> doubles;
    std::vector<float> floats;
    std::vector<std::int64_t> integers;
    std::vector<std::uint64_t> naturals;
};

ColumnValues values(fuzz::Input& input, Held& held, std::size_t rows) {
    const std::uint8_t kind = input.byte();
    switch (kind % 6) {
        case 0:
            return Numbers<double>{(held.doubles = numbers<double>(input, rows)).data()};
        case 1:
            return Numbers<float>{(held.floats = numbers<float>(input, rows)).data()};
        case 2:
            return Numbers<std::int64_t>{(held.integers = numbers<std::int64_t>(input, rows)).data()};
        case 3:
            return Numbers<std::uint64_t>{(held.naturals = numbers<std::uint64_t>(input, rows)).data()};
        default:
            break;
    }
    const bool coded = kind % 6 == 5;
    const std::size_t texts = coded ? 1 + input.byte() % 4 : rows;
    for (std::size_t i = input.byte() % 64; i > 0; i--) held.text.push_back(static_cast<char>(input.byte()));
    held.text.reserve(1);  // never a null pointer: NumPy has none either
    std::int32_t at = kind & 64 ? -1 : 0;
    for (std::size_t i = 0; i <= texts; i++) {
        held.offsets.push_back(at);
        at += static_cast<std::int8_t>(input.byte()) / 16;
    }
    if (coded)
        for (std::size_t i = 0; i < rows; i++)
            held.codes.push_back(static_cast<std::int8_t>(input.byte()) / 32);
    if (kind & 128)
        for (std::size_t i = 0; i < rows; i++) held.missing.push_back(input.byte() & 1);
    return Texts<std::int32_t>{
        held.text.data(),
        static_cast<Index>(held.text.size()),
        held.offsets.data(),
        static_cast<Index>(texts),
        held.missing.empty() ? nullptr : reinterpret_cast<const bool*>(held.missing.data()),
        coded ? held.codes.data() : nullptr};
}

struct Rows {
    std::vector<std::int32_t> indices, indptr;
    std::vector<float> data;
    bool refused = false;
};

Rows hashed(const TablePlan& plan, int threads) {
    const auto rows = static_cast<std::size_t>(plan.rows);
    Rows out{std::vector<std::int32_t>(rows * plan.features.size()), std::vector<std::int32_t>(rows + 1),
             std::vector<float>(rows * plan.features.size()), false};
    thread_limit = threads;
    try {
        const auto n = static_cast<std::size_t>(
            table_hash(out.indices.data(), out.data.data(), out.indptr.data(), plan));
        out.indices.resize(n), out.data.resize(n);
    } catch (const std::invalid_argument&) {
        out = {{}, {}, {}, true};
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t choice = input.byte();
    TablePlan plan;
    std::size_t rows = 1 + input.byte() % 70;
    if (choice % 64 == 0) rows += 4096;  // more than one chunk
    plan.rows = static_cast<Index>(rows);
    plan.n_features = choice & 1 ? 1u << 20 : choice & 2 ? 97u : choice & 4 ? 1u : 0x7fffffffu;
    plan.alternate_sign = choice & 8;
    const std::size_t columns = 1 + input.byte() % 4;
    std::vector<Held> held(columns);
    for (std::size_t j = 0; j < columns; j++)
        plan.columns.push_back({"c" + std::to_string(j), values(input, held[j], rows), plan.rows});
    for (std::size_t f = 1 + input.byte() % 5; f > 0; f--) {
        TableFeature feature;
        const std::uint8_t parts = input.byte();
        feature.number = parts & 1;
        for (int k = feature.number ? 1 : 1 + (parts >> 1) % 3; k > 0; k--) {
            const std::uint8_t part = input.byte();
            const int column = static_cast<int>(part % columns);
            const bool text = plan.columns[static_cast<std::size_t>(column)].values.index() < 2;
            feature.parts.push_back({column, !feature.number && !text && part & 64});
        }
        plan.features.push_back(std::move(feature));
    }
    const Rows one = hashed(plan, 1);
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    if (choice % 64 == 0 && fuzz::hash(all) % 4 == 0) {
        const Rows two = hashed(plan, 2);
        fuzz::must(one.refused == two.refused && fuzz::same(one.indices, two.indices) &&
                       fuzz::same(one.indptr, two.indptr) && fuzz::same(one.data, two.data),
                   "two threads give what one gives");
    }
    if (one.refused) return 0;
    fuzz::must(one.indptr[0] == 0 && one.indptr[rows] == static_cast<std::int32_t>(one.indices.size()),
               "rows end where they should");
    for (std::size_t i = 0; i < rows; i++)
        for (auto k = one.indptr[i]; k < one.indptr[i + 1]; k++) {
            const auto at = static_cast<std::size_t>(k);
            fuzz::must(one.indices[at] >= 0 && static_cast<std::uint32_t>(one.indices[at]) < plan.n_features,
                       "ids are in bounds");
            fuzz::must(k == one.indptr[i] || one.indices[at - 1] < one.indices[at], "ids ascend");
        }
    return 0;
}
