// A fold: the state of a learner that has seen some rows. Every law of states (docs/architecture.md) is about
// these verbs.
#pragma once

#include <concepts>
#include <cstdio>
#include <string>
#include <utility>

#include "base/view.hpp"

namespace esker {

template <class S>
concept Fold = std::movable<S> && requires(S s, const S& other, const Block& block) {
    s.update(block);            // absorb rows
    s.merge(other);             // absorb another state
    std::as_const(s).finish();  // look at the answer; never consumes
};

// "row 7 of part 2", by the row's key.
inline std::string row_name(std::int64_t key) {
    const std::int64_t part = key >> 40, row = key & ((std::int64_t{1} << 40) - 1);
    return "row " + std::to_string(row) + (part ? " of part " + std::to_string(part) : "") + " (from 0)";
}

// A number as people write it.
inline std::string number_name(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

}  // namespace esker
