// Documents to rows of hashed counts, as scikit-learn's HashingVectorizer has them: every n-gram's
// MurmurHash3 names a column and a sign, rows are sorted, counts summed, and the row is divided by its norm.
#pragma once

#include <cstdint>
#include <vector>

#include "base/view.hpp"
#include "io/grown.hpp"
#include "io/tokens.hpp"

namespace esker {

enum class Norm : std::uint8_t { none, l1, l2 };
enum class Unit : std::uint8_t { word, character, character_in_word };

struct HashOptions {
    Unit unit = Unit::word;
    std::uint32_t shortest = 1, longest = 1;  // n-grams
    std::uint32_t n_features = 1u << 20;      // at most 2^31 - 1
    bool alternate_sign = true;
    bool binary = false;
    Norm norm = Norm::l2;
    const StopWords* stop = nullptr;  // of words
};

// The column of a hash, doubled, and 1 where the sign is minus: 32 bits that sort as columns do.
class Columns {
public:
    explicit Columns(const HashOptions& o)
        : n_(o.n_features),
          mask_((n_ & (n_ - 1)) == 0 ? n_ - 1 : 0),
          by_mask_((n_ & (n_ - 1)) == 0),
          signs_(o.alternate_sign ? 1 : 0) {}
    std::uint32_t key(std::uint32_t hash) const noexcept {
        const std::uint32_t minus = hash >> 31, size = (hash ^ (0u - minus)) + minus;
        return (by_mask_ ? size & mask_ : size % n_) << 1 | (minus & signs_);
    }

private:
    std::uint32_t n_, mask_;
    bool by_mask_;
    std::uint32_t signs_;
};

// Rows of a CSR matrix, one behind the other. Columns are below 2^31.
template <class T>
struct HashedRows {
    Grown<std::int32_t> indices;
    Grown<T> values;
    std::vector<std::int64_t> indptr{0};

    // n rows of these documents; the threads do not change a bit.
    void add(const Document* documents, std::size_t n, const HashOptions& options, const CodePoints& points);
    // A row of these names, begins[i] <= begins[i + 1], one n-gram each.
    void add_names(const char* text, const std::int64_t* begins, std::size_t n, const HashOptions& options);
};

extern template struct HashedRows<float>;
extern template struct HashedRows<double>;

}  // namespace esker
