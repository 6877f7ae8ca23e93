// Hashes by columns, then rows: a sorting network runs over the columns of 32 rows at once, so that no branch
// depends on the data. A key is (id, number of the feature, sign), so equal ids are summed in the order of
// the features.
#include "io/table_hash.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <type_traits>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "io/murmur.hpp"

namespace esker {
namespace {

constexpr Index chunk = 2048, tile = 32;

using Exchange = std::pair<int, int>;

// Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2 M), for any n.
std::vector<Exchange> network(int n) {
    std::vector<Exchange> out;
    const int top = n > 1 ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(n))) / 2 : 0;
    for (int p = top; p > 0; p /= 2) {
        int q = top, r = 0, d = p;
        for (;;) {
            for (int i = 0; i < n - d; i++)
                if ((i & p) == r) out.emplace_back(i, i + d);
            if (q == p) break;
            d = q - p, q /= 2, r = p;
        }
    }
    return out;
}

template <class Key>
void exchange(Key* __restrict a, Key* __restrict b) {
#pragma omp simd
    for (Index r = 0; r < tile; r++) {
        const Key low = std::min(a[r], b[r]), high = std::max(a[r], b[r]);
        a[r] = low, b[r] = high;
    }
}

// Everything that the chunks share.
struct Work {
    explicit Work(const TablePlan& plan) : plan(plan) {
        for (const TableFeature& f : plan.features) {
            std::vector<int> used;
            if (f.number) numbers.push_back(numbers_of(f));
            for (const auto& part : f.parts) used.push_back(f.number ? -1 : token(part.column, part.binned));
            uses.push_back(std::move(used));
        }
        fields = static_cast<int>(plan.features.size());
        position_bits = std::bit_width(static_cast<unsigned>(std::max(fields - 1, 1)));
        sort = network(fields);
    }

    struct Number {
        int column;
        std::uint32_t hash, missing;
    };

    Number numbers_of(const TableFeature& f) const {
        const std::string& name = plan.columns[static_cast<std::size_t>(f.parts[0].column)].name;
        const std::string none = name + "=";
        return {f.parts[0].column, murmur3_32(name.data(), name.size(), 0),
                murmur3_32(none.data(), none.size(), 0)};
    }
    int token(int column, bool binned) {
        for (std::size_t t = 0; t < names.size(); t++)
            if (names[t] == std::pair{column, binned}) return static_cast<int>(t);
        names.emplace_back(column, binned);
        tokens.push_back(std::make_unique<Tokens>(plan.columns[static_cast<std::size_t>(column)], binned));
        return static_cast<int>(tokens.size()) - 1;
    }

    template <class Key>
    Key key(std::uint32_t hash, int position) const {
        const bool negative = hash >> 31;
        const std::uint32_t size = negative ? 0u - hash : hash;
        const std::uint32_t id = mask() ? size & mask() : size % plan.n_features;
        return static_cast<Key>(Key{id} << (position_bits + 1) | static_cast<Key>(position) << 1 |
                                (negative && plan.alternate_sign));
    }
    std::uint32_t mask() const {
        return std::has_single_bit(plan.n_features) && plan.n_features > 1 ? plan.n_features - 1 : 0;
    }

    const TablePlan& plan;
    std::vector<std::pair<int, bool>> names;
    std::vector<std::unique_ptr<Tokens>> tokens;
    std::vector<std::vector<int>> uses;  // of each feature, its tokens
    std::vector<Number> numbers;         // of the features that are numbers, in order
    std::vector<Exchange> sort;
    int fields = 0, position_bits = 0;
};

// A chunk of rows: keys[feature][row]; values where the plan has numbers.
template <class Key, class T>
struct Chunk {
    static constexpr Key none = ~Key{0};

    Chunk(const Work& work, Index begin, Index end)
        : w(work),
          begin(begin),
          n(end - begin),
          hashes(work.tokens.size() * chunk),
          keys(static_cast<std::size_t>(work.fields) * chunk),
          values(work.numbers.size() * chunk),
          sorted(static_cast<std::size_t>(work.fields) * tile) {}

    void fill() {
        for (std::size_t t = 0; t < w.tokens.size(); t++)
            w.tokens[t]->fill(&hashes[t * chunk], begin, begin + n);
        std::size_t number = 0;
        for (std::size_t f = 0; f < w.uses.size(); f++) {
            Key* to = &keys[f * chunk];
            const auto position = static_cast<int>(f);
            if (w.plan.features[f].number) {
                take(to, position, number++);
            } else if (w.uses[f].size() == 1) {
                const std::uint32_t* h = &hashes[static_cast<std::size_t>(w.uses[f][0]) * chunk];
                for (Index i = 0; i < n; i++) to[i] = w.template key<Key>(h[i], position);
            } else {
                cross(to, position, w.uses[f]);
            }
        }
    }

    void cross(Key* to, int position, const std::vector<int>& parts) const {
        std::uint32_t mixed[chunk];
        std::fill_n(mixed, n, 0u);
        for (const int t : parts) {
            const std::uint32_t* h = &hashes[static_cast<std::size_t>(t) * chunk];
#pragma omp simd
            for (Index i = 0; i < n; i++) mixed[i] = murmur::step(mixed[i], h[i]);
        }
        for (Index i = 0; i < n; i++)
            to[i] = w.template key<Key>(murmur::finish(mixed[i], 4 * parts.size()), position);
    }

    void take(Key* to, int position, std::size_t number) {
        const auto& source = w.numbers[number];
        const Key present = w.template key<Key>(source.hash, position),
                  missing = w.template key<Key>(source.missing, position);
        const Column& column = w.plan.columns[static_cast<std::size_t>(source.column)];
        T* out = &values[number * chunk];
        std::visit(
            [&](const auto& v) {
                if constexpr (requires { v.values; }) {
                    for (Index i = 0; i < n; i++) {
                        const auto x = static_cast<T>(v.values[begin + i]);
                        if (std::isinf(x))
                            throw std::invalid_argument("column '" + column.name +
                                                        "' holds a number beyond the dtype in row " +
                                                        std::to_string(begin + i) + " of a block");
                        const bool gone = std::isnan(x);
                        to[i] = gone ? missing : x == 0 ? none : present;
                        out[i] = gone ? T(1) : x;
                    }
                } else {
                    throw std::invalid_argument("column '" + column.name +
                                                "' is numeric for the plan and holds texts");
                }
            },
            column.values);
    }

    // Entries of the chunk's rows from `indices` and `data` on; the length of each row goes to `lengths`.
    Index write(std::int32_t* indices, T* data, std::int32_t* lengths) {
        // Which positions are numbers, and whose values they take.
        std::vector<int> number(w.uses.size(), -1);
        for (std::size_t f = 0, k = 0; f < w.uses.size(); f++)
            if (w.plan.features[f].number) number[f] = static_cast<int>(k++);
        const bool ones = w.numbers.empty() && !w.plan.alternate_sign;
        const int shift = w.position_bits + 1;
        const Key place = (Key{1} << w.position_bits) - 1;
        Index size = 0;
        for (Index r0 = 0; r0 < n; r0 += tile) {
            const Index rows = std::min(tile, n - r0);
            for (int f = 0; f < w.fields; f++)
                std::memcpy(&sorted[static_cast<std::size_t>(f) * tile],
                            &keys[static_cast<std::size_t>(f) * chunk + static_cast<std::size_t>(r0)],
                            static_cast<std::size_t>(rows) * sizeof(Key));
            for (const auto& [a, b] : w.sort)
                exchange(&sorted[static_cast<std::size_t>(a) * tile],
                         &sorted[static_cast<std::size_t>(b) * tile]);
            for (Index r = 0; r < rows; r++) {
                const Index first = size;
                std::int32_t last = -1;
                for (int k = 0; k < w.fields; k++) {
                    const Key key = sorted[static_cast<std::size_t>(k) * tile + static_cast<std::size_t>(r)];
                    if (key == none) break;
                    const auto id = static_cast<std::int32_t>(key >> shift);
                    T value = 1;
                    if (!ones) {
                        const int source = number[static_cast<std::size_t>((key >> 1) & place)];
                        if (source >= 0)
                            value = values[static_cast<std::size_t>(source) * chunk +
                                           static_cast<std::size_t>(r0 + r)];
                        if (key & 1) value = -value;
                    }
                    if (id == last) {
                        data[size - 1] += value;
                        continue;
                    }
                    indices[size] = last = id, data[size] = value, size++;
                }
                lengths[r0 + r] = static_cast<std::int32_t>(size - first);
            }
        }
        return size;
    }

    const Work& w;
    Index begin, n;
    std::vector<std::uint32_t> hashes;
    std::vector<Key> keys;
    std::vector<T> values;
    std::vector<Key> sorted;
};

template <class Key, class T>
Index run(std::int32_t* indices, T* data, std::int32_t* indptr, const Work& work) {
    const Index rows = work.plan.rows, chunks = (rows + chunk - 1) / chunk, fields = work.fields;
    std::vector<Index> sizes(static_cast<std::size_t>(chunks));
    parallel_for(chunks, [&](Index c) {
        const Index begin = c * chunk, end = std::min(rows, begin + chunk);
        Chunk<Key, T> part(work, begin, end);
        part.fill();
        sizes[static_cast<std::size_t>(c)] =
            part.write(indices + begin * fields, data + begin * fields, indptr + 1 + begin);
    });
    Index size = 0;
    for (Index c = 0; c < chunks; c++) {
        const Index from = c * chunk * fields, n = sizes[static_cast<std::size_t>(c)];
        if (from != size) {
            std::memmove(indices + size, indices + from, static_cast<std::size_t>(n) * sizeof(std::int32_t));
            std::memmove(data + size, data + from, static_cast<std::size_t>(n) * sizeof(T));
        }
        size += n;
    }
    indptr[0] = 0;
    for (Index i = 0; i < rows; i++) indptr[i + 1] += indptr[i];
    return size;
}

}  // namespace

template <class T>
Index table_hash(std::int32_t* indices, T* data, std::int32_t* indptr, const TablePlan& plan) {
    const Work work(plan);
    const bool narrow = std::bit_width(plan.n_features) + static_cast<unsigned>(work.position_bits) + 1 <= 32;
    return narrow ? run<std::uint32_t, T>(indices, data, indptr, work)
                  : run<std::uint64_t, T>(indices, data, indptr, work);
}

template Index table_hash<float>(std::int32_t*, float*, std::int32_t*, const TablePlan&);
template Index table_hash<double>(std::int32_t*, double*, std::int32_t*, const TablePlan&);

}  // namespace esker
