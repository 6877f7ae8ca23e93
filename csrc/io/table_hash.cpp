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
#include "isa/kernels.hpp"

namespace esker {
namespace {

constexpr Index chunk = 512, tile = 32, task = 8192;

// Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2 M), for any n.
std::vector<std::int32_t> network(int n) {
    std::vector<std::int32_t> out;
    const int top = n > 1 ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(n))) / 2 : 0;
    for (int p = top; p > 0; p /= 2) {
        int q = top, r = 0, d = p;
        for (;;) {
            for (int i = 0; i < n - d; i++)
                if ((i & p) == r) out.insert(out.end(), {i, i + d});
            if (q == p) break;
            d = q - p, q /= 2, r = p;
        }
    }
    return out;
}

// Sorts the columns of `tile` keys a row.
void sort(std::uint32_t* keys, const std::vector<std::int32_t>& pairs) {
    static_assert(tile == 32);
    kernels().exchange32(keys, pairs.data(), static_cast<std::int64_t>(pairs.size() / 2));
}
void sort(std::uint64_t* keys, const std::vector<std::int32_t>& pairs) {
    for (std::size_t p = 0; p < pairs.size(); p += 2) {
        std::uint64_t *a = keys + tile * pairs[p], *b = keys + tile * pairs[p + 1];
        for (Index r = 0; r < tile; r++) {
            const auto [low, high] = std::minmax({a[r], b[r]});
            a[r] = low, b[r] = high;
        }
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

    // (id, position, sign) of each hash.
    template <class Key>
    void keys(Key* __restrict to, const std::uint32_t* __restrict hashes, Index n, int position) const {
        const std::uint32_t width = plan.n_features, mask = width - 1, sign = plan.alternate_sign;
        const int shift = position_bits + 1;
        const Key low = static_cast<Key>(position) << 1;
        auto each = [&](auto id_of) {
#pragma omp simd
            for (Index i = 0; i < n; i++) {
                const std::uint32_t h = hashes[i], negative = h >> 31;
                const std::uint32_t size = (h ^ (0u - negative)) + negative;
                to[i] = static_cast<Key>(Key{id_of(size)} << shift | low | (negative & sign));
            }
        };
        if (width & mask)
            each([width](std::uint32_t size) { return size % width; });
        else
            each([mask](std::uint32_t size) { return size & mask; });
    }
    template <class Key>
    Key key(std::uint32_t hash, int position) const {
        Key to;
        keys(&to, &hash, 1, position);
        return to;
    }

    const TablePlan& plan;
    std::vector<std::pair<int, bool>> names;
    std::vector<std::unique_ptr<Tokens>> tokens;
    std::vector<std::vector<int>> uses;  // of each feature, its tokens
    std::vector<Number> numbers;         // of the features that are numbers, in order
    std::vector<std::int32_t> sort;
    int fields = 0, position_bits = 0;
};

// One thread's place for a chunk of rows: keys[feature][row]; values where the plan has numbers.
template <class Key, class T>
struct Chunk {
    static constexpr Key none = ~Key{0};

    explicit Chunk(const Work& work)
        : w(work),
          bins(work.tokens.size()),
          hashes(work.tokens.size() * chunk),
          keys(static_cast<std::size_t>(work.fields) * chunk),
          values(work.numbers.size() * chunk),
          sorted(static_cast<std::size_t>(work.fields) * tile),
          number(work.uses.size(), -1) {
        for (std::size_t f = 0, k = 0; f < w.uses.size(); f++)
            if (w.plan.features[f].number) number[f] = static_cast<int>(k++);
    }

    // Rows from `first` on, `count` of them; see `write`.
    Index rows(Index first, Index count, std::int32_t* indices, T* data, std::int32_t* lengths) {
        begin = first, n = count;
        fill();
        return write(indices, data, lengths);
    }

private:
    void fill() {
        for (std::size_t t = 0; t < w.tokens.size(); t++)
            w.tokens[t]->fill(&hashes[t * chunk], begin, begin + n, bins[t]);
        for (std::size_t f = 0; f < w.uses.size(); f++) {
            Key* to = &keys[f * chunk];
            const auto position = static_cast<int>(f);
            if (w.plan.features[f].number) {
                take(to, position, static_cast<std::size_t>(number[f]));
            } else if (w.uses[f].size() == 1) {
                w.keys(to, &hashes[static_cast<std::size_t>(w.uses[f][0]) * chunk], n, position);
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
        const std::size_t bytes = 4 * parts.size();
#pragma omp simd
        for (Index i = 0; i < n; i++) mixed[i] = murmur::finish(mixed[i], bytes);
        w.keys(to, mixed, n, position);
    }

    void take(Key* to, int position, std::size_t k) {
        const auto& source = w.numbers[k];
        const Key present = w.template key<Key>(source.hash, position),
                  missing = w.template key<Key>(source.missing, position);
        const Column& column = w.plan.columns[static_cast<std::size_t>(source.column)];
        T* out = &values[k * chunk];
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
            sort(sorted.data(), w.sort);
            // Rows of ones whose ids all differ, as nearly all do, are those of the keys as they lie.
            Key same[tile] = {};
            if (ones)
                for (int f = 1; f < w.fields; f++) {
                    const Key *a = &sorted[static_cast<std::size_t>(f - 1) * tile], *b = a + tile;
#pragma omp simd
                    for (Index r = 0; r < tile; r++) same[r] |= (a[r] ^ b[r]) >> shift == 0;
                }
            for (Index r = 0; r < rows; r++) {
                const Index first = size;
                const Key* const row = &sorted[static_cast<std::size_t>(r)];
                if (ones && !same[r]) {
                    for (int k = 0; k < w.fields; k++)
                        indices[size + k] = static_cast<std::int32_t>(row[k * tile] >> shift);
                    std::fill_n(data + size, w.fields, T(1));
                    size += w.fields;
                    lengths[r0 + r] = w.fields;
                    continue;
                }
                std::int32_t last = -1;
                for (int k = 0; k < w.fields; k++) {
                    const Key key = row[k * tile];
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
    Index begin = 0, n = 0;
    std::vector<Bins> bins;
    std::vector<std::uint32_t> hashes;
    std::vector<Key> keys;
    std::vector<T> values;
    std::vector<Key> sorted;
    std::vector<int> number;  // of each feature, which of the numbers it is, or -1
};

template <class Key, class T>
Index run(std::int32_t* indices, T* data, std::int32_t* indptr, const Work& work) {
    const Index rows = work.plan.rows, fields = work.fields;
    // One thread leaves no gaps that would have to be closed.
    const Index each = threads() > 1 ? task : std::max<Index>(rows, 1), tasks = (rows + each - 1) / each;
    std::vector<Index> sizes(static_cast<std::size_t>(tasks));
    parallel_for(tasks, [&](Index c) {
        const Index from = c * each, end = std::min(rows, from + each);
        Chunk<Key, T> part(work);
        Index size = 0;
        for (Index begin = from; begin < end; begin += chunk)
            size += part.rows(begin, std::min(chunk, end - begin), indices + from * fields + size,
                              data + from * fields + size, indptr + 1 + begin);
        sizes[static_cast<std::size_t>(c)] = size;
    });
    Index size = 0;
    for (Index c = 0; c < tasks; c++) {
        const Index from = c * each * fields, n = sizes[static_cast<std::size_t>(c)];
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
