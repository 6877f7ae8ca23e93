// Sgd taught by several learners at once, each with weights of its own, which meet after a round of rows.
#pragma once

#include "fold/sgd.hpp"

namespace esker {

// Whether the state's numbers change by steps alone from now on, so that what learners changed adds up.
bool can_shard(const Sgd& s) noexcept;

// Rows that each learner takes between two meetings: a power of two, as few as make meetings cheap beside
// them; 0 where no number does. A function of the table's shape and of the mean row.
Index shard_rows(const Sgd& s) noexcept;

// Learns from the positions [begin, end) of the block's order, `at` rows into the walk. The rows of a round,
// between multiples of shards x rows of the walk, are cut into `shards` equal stretches; each learner takes
// one, from the round's first state, and what they changed is added up. The bits do not depend on the
// threads.
void update_shards(Sgd& s, const Block& block, Index begin, Index end, Index at, int shards, Index rows);

}  // namespace esker
