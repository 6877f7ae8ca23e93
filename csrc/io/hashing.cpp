// Hashes of the n-grams that begin at one place share their first steps: the state goes on from one to the
// next.
#include "io/hashing.hpp"

#include <algorithm>
#include <cmath>

#include "base/parallel.hpp"
#include "io/murmur.hpp"
#include "io/short_row.hpp"

namespace esker {

namespace {

// About this many bytes of text are a task, and so many tasks are done before their rows are put together.
constexpr std::size_t task_bytes = 1 << 15, tasks_of_a_round = 96;

// Keys of a row, in an array that is used again.
class Keys {
public:
    std::size_t size = 0;
    std::uint32_t* room(std::size_t more) {
        if (size + more > keys_.size()) keys_.resize((size + more) * 2);
        return keys_.data() + size;
    }
    std::uint32_t* begin() noexcept { return keys_.data(); }
    // Sorts them, and says where they lie now.
    const std::uint32_t* sorted() {
        if (size <= short_row) return sort_short_row(row_, keys_.data(), size), row_;
        std::sort(keys_.data(), keys_.data() + size);
        return keys_.data();
    }

private:
    std::vector<std::uint32_t> keys_ = std::vector<std::uint32_t>(1024);
    std::uint32_t row_[short_row];
};

// The hash of what begins at `text`, for one end after another.
class Running {
public:
    explicit Running(const char* text) : begin_(text), at_(text) {}
    // Up to 4 bytes behind the end are read, and do not count.
    std::uint32_t upto(const char* end) noexcept {
        for (; end - at_ >= 4; at_ += 4) h_ = murmur::step(h_, murmur::word(at_));
        const std::uint32_t rest = murmur::word(at_) & ~(~0u << (8 * (end - at_)));
        return murmur::finish(h_ ^ murmur::scramble(rest), static_cast<std::size_t>(end - begin_));
    }

private:
    const char *begin_, *at_;
    std::uint32_t h_ = 0;
};

void hash_words(Keys& keys, const Tokens& t, const HashOptions& o, const Columns& columns) {
    const std::uint32_t* const begins = t.begins();
    for (std::size_t i = 0; i < t.size; i++) {
        const std::size_t longest = std::min<std::size_t>(o.longest, t.size - i);
        if (longest < o.shortest) break;
        std::uint32_t* out = keys.room(longest - o.shortest + 1);
        Running hash(t.text() + begins[i]);
        for (std::size_t n = o.shortest; n <= longest; n++)
            *out++ = columns.key(hash.upto(t.text() + begins[i + n] - 1));
        keys.size += longest - o.shortest + 1;
    }
}

// `at(i)` is where code point i of the text begins.
template <class At>
void hash_characters(Keys& keys, const char* text, std::size_t begin, std::size_t end, At&& at,
                     const HashOptions& o, const Columns& columns) {
    for (std::size_t i = begin; i < end; i++) {
        const std::size_t longest = std::min<std::size_t>(o.longest, end - i);
        if (longest < o.shortest) break;
        std::uint32_t* out = keys.room(longest - o.shortest + 1);
        Running hash(text + at(i));
        for (std::size_t n = o.shortest; n <= longest; n++) *out++ = columns.key(hash.upto(text + at(i + n)));
        keys.size += longest - o.shortest + 1;
    }
}

template <class At>
void hash_text(Keys& keys, const Tokens& t, At&& at, const HashOptions& o, const Columns& columns) {
    if (o.unit == Unit::character) return hash_characters(keys, t.text(), 0, t.begins()[1], at, o, columns);
    for (std::size_t i = 0; i < t.size; i++) {
        // With the space before and the space behind.
        const std::size_t begin = t.begins()[i] - 1, end = t.begins()[i + 1];
        if (end - begin < o.shortest)  // a short word counts once, whole
            *keys.room(1) = columns.key(Running(t.text() + at(begin)).upto(t.text() + at(end))), keys.size++;
        else
            hash_characters(keys, t.text(), begin, end, at, o, columns);
    }
}

void hash_document(Keys& keys, Tokens& t, const Document& d, const HashOptions& o, const Columns& columns,
                   const CodePoints& points) {
    keys.size = 0;
    if (o.unit == Unit::word) {
        split_words(t, d, points, o.stop);
        return hash_words(keys, t, o, columns);
    }
    const std::uint32_t* marks =
        o.unit == Unit::character ? join_spaces(t, d, points) : split_spaces(t, d, points);
    if (marks)
        hash_text(keys, t, [&](std::size_t i) { return marks[i]; }, o, columns);
    else
        hash_text(keys, t, [](std::size_t i) { return i; }, o, columns);
}

// Sums as scikit-learn's normalize does: in double, over squares in T.
template <class T>
void normalize(T* values, std::size_t n, Norm norm) noexcept {
    double sum = 0;
    for (std::size_t i = 0; i < n; i++) {
        const T square = values[i] * values[i];
        sum += norm == Norm::l1 ? std::fabs(static_cast<double>(values[i])) : static_cast<double>(square);
    }
    if (sum == 0) return;  // what alternating signs have cancelled
    if (norm == Norm::l2) sum = std::sqrt(sum);
    for (std::size_t i = 0; i < n; i++) values[i] = static_cast<T>(static_cast<double>(values[i]) / sum);
}

// Sorted keys to entries; returns how many.
template <class T>
std::size_t finish_row(Keys& keys, std::int32_t* indices, T* values, const HashOptions& o) {
    const std::size_t n = keys.size;
    if (n == 0) return 0;
    const std::uint32_t* const k = keys.sorted();
    std::uint32_t twice = 0;
    for (std::size_t i = 1; i < n; i++) twice |= (k[i] >> 1) == (k[i - 1] >> 1);
    if (!twice) {  // the common case: all are 1 or -1, and so is the norm's sum n
        const double size = static_cast<double>(n), norm = o.norm == Norm::none ? 1
                                                           : o.norm == Norm::l1 ? size
                                                                                : std::sqrt(size);
        const T one[2] = {static_cast<T>(1 / norm), static_cast<T>((o.binary ? 1 : -1) / norm)};
        for (std::size_t i = 0; i < n; i++) {
            indices[i] = static_cast<std::int32_t>(k[i] >> 1);
            values[i] = one[k[i] & 1];
        }
        return n;
    }
    std::size_t m = 0;
    T sum = 0;
    for (std::size_t i = 0; i < n; i++) {  // without a branch: what repeats is not foreseen
        const bool fresh = i == 0 || k[i] >> 1 != k[i - 1] >> 1;
        m += fresh;
        sum = (fresh ? T{0} : sum) + static_cast<T>(1 - 2 * static_cast<int>(k[i] & 1));
        indices[m - 1] = static_cast<std::int32_t>(k[i] >> 1);
        values[m - 1] = o.binary ? T{1} : sum;
    }
    if (o.norm != Norm::none) normalize(values, m, o.norm);
    return m;
}

// What one task makes, before its place among the rows is known.
template <class T>
struct Piece {
    Keys keys;
    Tokens tokens;
    Grown<std::int32_t> indices;
    Grown<T> values;
    std::size_t used = 0;

    std::size_t row(const HashOptions& o) {
        if (used + keys.size > indices.size()) {
            indices.resize((used + keys.size) * 2);
            values.resize((used + keys.size) * 2);
        }
        const std::size_t n = finish_row(keys, indices.data() + used, values.data() + used, o);
        used += n;
        return n;
    }
};

}  // namespace

template <class T>
void HashedRows<T>::add(const Document* documents, std::size_t n, const HashOptions& options,
                        const CodePoints& points) {
    const Columns columns(options);
    std::vector<std::size_t> cuts{0};
    for (std::size_t i = 0, bytes = 0; i < n; i++) {
        bytes += documents[i].size + 16;
        if (bytes >= task_bytes || i + 1 == n) cuts.push_back(i + 1), bytes = 0;
    }
    const std::size_t tasks = cuts.size() - 1, first_row = indptr.size();
    indptr.resize(first_row + n);
    std::vector<Piece<T>> pieces(std::min(tasks, tasks_of_a_round));
    for (std::size_t round = 0; round < tasks; round += tasks_of_a_round) {
        const std::size_t now = std::min(tasks_of_a_round, tasks - round);
        parallel_for(static_cast<std::int64_t>(now), [&](std::int64_t task) {
            const auto p = static_cast<std::size_t>(task);
            Piece<T>& piece = pieces[p];
            piece.used = 0;
            for (std::size_t i = cuts[round + p]; i < cuts[round + p + 1]; i++) {
                hash_document(piece.keys, piece.tokens, documents[i], options, columns, points);
                indptr[first_row + i] = static_cast<std::int64_t>(piece.row(options));
            }
        });
        const std::size_t before = indices.size();
        std::vector<std::size_t> places{before};
        for (std::size_t p = 0; p < now; p++) places.push_back(places[p] + pieces[p].used);
        if (round == 0) {  // the rest will be much as the first
            const double share = static_cast<double>(cuts[now]) / static_cast<double>(n);
            const double all = static_cast<double>(places[now] - before) / share;
            const std::size_t room = before + static_cast<std::size_t>(1.02 * all) + 4096;
            indices.reserve(room), values.reserve(room);
        }
        std::int32_t* const to = indices.resize(places[now]);
        T* const to_values = values.resize(places[now]);
        parallel_for(static_cast<std::int64_t>(now), [&](std::int64_t task) {
            const auto p = static_cast<std::size_t>(task);
            std::copy_n(pieces[p].indices.data(), pieces[p].used, to + places[p]);
            std::copy_n(pieces[p].values.data(), pieces[p].used, to_values + places[p]);
        });
    }
    for (std::size_t i = first_row; i < indptr.size(); i++) indptr[i] += indptr[i - 1];
}

template <class T>
void HashedRows<T>::add_names(const char* text, const std::int64_t* begins, std::size_t n,
                              const HashOptions& options) {
    const Columns columns(options);
    Piece<T> piece;
    piece.keys.room(n);
    for (std::size_t i = 0; i < n; i++)
        piece.keys.begin()[piece.keys.size++] =
            columns.key(murmur3_32(text + begins[i], static_cast<std::size_t>(begins[i + 1] - begins[i]), 0));
    piece.row(options);
    const std::size_t before = indices.size();
    std::copy_n(piece.indices.data(), piece.used, indices.resize(before + piece.used) + before);
    std::copy_n(piece.values.data(), piece.used, values.resize(before + piece.used) + before);
    indptr.push_back(indptr.back() + static_cast<std::int64_t>(piece.used));
}

template struct HashedRows<float>;
template struct HashedRows<double>;

}  // namespace esker
