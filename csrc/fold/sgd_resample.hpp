// What a row counts in each lane: its weight, in a replicate of a bootstrap so many times.
//
// A replicate's counts are Poisson draws of mean 1, as many times as a row of a large sample is drawn with
// replacement (Oza & Russell, 2001; for steps Fang, Xu & Yang, JMLR 2018), by (seed, row key, replicate): the
// same in every epoch, however rows come.
#pragma once

#include <cmath>

#include "base/philox.hpp"
#include "fold/sgd_rows.hpp"

namespace esker::rows {

// How often a row is drawn, from 32 random bits.
inline int poisson_one(std::uint32_t word) noexcept {
    double p = 0.36787944117144233, below = p;  // exp(-1)
    int n = 0;
    for (const double u = uniform(word); u >= below && n < 16; below += p) p /= ++n;
    return n;
}

inline void resample(Row& r, const Sgd& s, double weight, std::int64_t key) {
    const std::vector<std::int32_t>& replicate = s.table.replicate;
    std::int64_t drawn = -1;  // the four replicates of `words`
    Words words{};
    for (std::size_t k = 0; k < replicate.size(); k++) {
        double times = 1.0;
        if (replicate[k] >= 0) {
            const std::int64_t four = replicate[k] / 4;
            if (four != drawn)
                words = draw(s.table.seed, key, Stream::bootstrap, static_cast<std::uint32_t>(four)),
                drawn = four;
            times = poisson_one(words[static_cast<std::size_t>(replicate[k] % 4)]);
        }
        r.weight[k] = weight * times;
        r.root[k] = std::sqrt(r.weight[k]);
    }
}

// Fills r.weight and r.root.
inline void weigh(Row& r, const Sgd& s, double weight, std::int64_t key) {
    if (s.resamples()) return resample(r, s, weight, key);
    if (r.filled == weight) return;
    r.filled = weight;
    r.weight.assign(r.weight.size(), weight);
    r.root.assign(r.root.size(), std::sqrt(weight));
}

}  // namespace esker::rows
