// The errors that kernels raise. A message says what was expected, what came, and the way out.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace esker {

inline void require(bool ok, const std::string& message) {  // ValueError in Python
    if (!ok) throw std::invalid_argument(message);
}

// A file that is not what it says it is. line and column count from 1; 0 means unknown.
struct FormatError : std::runtime_error {
    std::int64_t line, column;
    FormatError(const std::string& message, std::int64_t line, std::int64_t column)
        : std::runtime_error(message), line(line), column(column) {}
};

// A Cholesky factorisation met a pivot that is not positive; order is the leading minor's, from 1.
struct NotPositiveDefinite : std::runtime_error {
    std::int64_t order;
    explicit NotPositiveDefinite(const std::string& message, std::int64_t order)
        : std::runtime_error(message), order(order) {}
};

// A poll answered that the work should stop (Ctrl-C): the binding raises what Python has pending.
struct Interrupted : std::runtime_error {
    Interrupted() : std::runtime_error("interrupted") {}
};

// Long work asks this between panels; true means stop.
using Poll = bool (*)();

}  // namespace esker
