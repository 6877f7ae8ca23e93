// Tokens: the 32-bit hash of a column's value in each row, of its text "column=value". Texts that repeat
// (coded columns, logarithmic bins) are hashed once a block. docs/features.md has the formulas.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

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

// A column as categories: each value, or (numbers alone) the logarithmic bin that it falls into.
struct Tokens {
    Tokens(const Column& column, bool binned);
    void fill(std::uint32_t* out, Index begin, Index end) const;  // rows begin..end-1
    std::uint32_t missing() const noexcept { return missing_; }

private:
    const Column& column_;
    bool binned_;
    std::string prefix_;
    std::uint32_t missing_;
    std::unique_ptr<HashTable> table_;
};

// The number of x's bin, four for each doubling of |x|: floor(4 log2 |x|), from comparisons alone. x is
// finite and not 0.
int log_bin(double x) noexcept;

}  // namespace esker
