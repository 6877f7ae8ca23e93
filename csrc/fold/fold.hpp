// A fold: the state of a learner that has seen some rows. Every law of states (docs/architecture.md) is about
// these verbs.
#pragma once

#include <concepts>
#include <utility>

#include "base/view.hpp"

namespace esker {

template <class S>
concept Fold = std::movable<S> && requires(S s, const S& other, const Block& block) {
    s.update(block);            // absorb rows
    s.merge(other);             // absorb another state
    std::as_const(s).finish();  // look at the answer; never consumes
};

}  // namespace esker
