// Tokens: the 32-bit hash of a column's value in each row, of its text "column=value". Texts that repeat
// (coded columns, logarithmic bins) are hashed once a block. docs/features.md has the formulas.
#pragma once

#include <atomic>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/view.hpp"

namespace esker {

// UTF-8 texts in Arrow's layout; with codes, row i has text codes[i]. A null `missing` means that none is.
template <class Offset>
struct Texts {
    const char* data;
    Index bytes;
    const Offset* offsets;
    Index texts;
    const bool* missing;
    const std::int32_t* codes;
};
template <class T>
struct Numbers {
    const T* values;  // NaN is a missing one
};
using ColumnValues = std::variant<Texts<std::int32_t>, Texts<std::int64_t>, Numbers<std::int64_t>,
                                  Numbers<std::uint64_t>, Numbers<float>, Numbers<double>>;

struct Column {
    std::string name;
    ColumnValues values;
    Index rows;
};

// Hashes filled in by whoever needs one first; all threads would write the same.
struct HashTable {
    explicit HashTable(Index n) : slots(new std::atomic<std::uint64_t>[static_cast<std::size_t>(n)]()) {}
    template <class F>
    std::uint32_t get(Index i, F&& hash) {
        std::uint64_t seen = slots[static_cast<std::size_t>(i)].load(std::memory_order_relaxed);
        if (!seen) {
            seen = std::uint64_t{1} << 32 | hash();
            slots[static_cast<std::size_t>(i)].store(seen, std::memory_order_relaxed);
        }
        return static_cast<std::uint32_t>(seen);
    }
    std::unique_ptr<std::atomic<std::uint64_t>[]> slots;
};

// The hash of "column=" with a value behind it, from the state after the column's name.
struct Prefix {
    explicit Prefix(const std::string& text);
    std::uint32_t hash(const char* value, std::size_t n) const noexcept;

private:
    std::uint32_t state_ = 0;  // after all whole words
    std::uint64_t carry_ = 0;  // the bytes behind them
    unsigned bits_;            // and how many bits those are
    std::size_t size_;
};

// Hashes of bins, kept by one thread.
struct Bins {
    template <class F>
    std::uint32_t get(int bin, bool negative, F&& hash) {
        const std::int32_t tag = bin * 2 + negative;
        Slot& slot = slots[static_cast<std::uint32_t>(tag) % std::size(slots)];
        if (slot.tag != tag) slot = {tag, hash(bin, negative)};
        return slot.hash;
    }
    struct Slot {
        std::int32_t tag = INT32_MIN;
        std::uint32_t hash = 0;
    };
    Slot slots[256];
};

// A column as categories: each value, or (numbers alone) the logarithmic bin that it falls into.
struct Tokens {
    Tokens(const Column& column, bool binned);
    void fill(std::uint32_t* out, Index begin, Index end, Bins& bins) const;  // rows begin..end-1

private:
    template <class Offset>
    std::uint32_t text(const Texts<Offset>& v, Index i) const;
    template <class Offset>
    void texts(const Texts<Offset>& v, std::uint32_t* out, Index begin, Index end) const;
    template <class T>
    std::uint32_t number(T x, Index row, Bins& bins) const;
    template <class T>
    void numbers(const T* values, std::uint32_t* out, Index begin, Index end, Bins& bins) const;

    const Column& column_;
    bool binned_;
    Prefix prefix_;
    std::uint32_t missing_, zero_;
    std::vector<std::uint32_t> all_;   // of coded texts, all hashes,
    std::unique_ptr<HashTable> seen_;  // or, where there are more than rows, those that were seen
};

// The number of x's bin, four for each doubling of |x|: floor(4 log2 |x|), from comparisons alone. x is
// finite and not 0.
int log_bin(double x) noexcept;

}  // namespace esker
