// A table's rows as hashed sparse rows: categories, crosses of categories, and numbers as they are.
#pragma once

#include <cstdint>
#include <vector>

#include "io/table_tokens.hpp"

namespace esker {

// What makes one entry of a row: the number in a column as it is, one token, or several tokens crossed.
struct TableFeature {
    struct Part {
        int column;
        bool binned;
    };
    bool number = false;
    std::vector<Part> parts;
};

struct TablePlan {
    std::vector<Column> columns;
    std::vector<TableFeature> features;
    Index rows = 0;
    std::uint32_t n_features = 0;
    bool alternate_sign = false;
};

// Fills indices and data (room for rows x features entries) and indptr (rows + 1): ids ascend within a row,
// equal ones are summed. Returns the number of entries. A number that is zero makes no entry.
template <class T>
Index table_hash(std::int32_t* indices, T* data, std::int32_t* indptr, const TablePlan& plan);

}  // namespace esker
