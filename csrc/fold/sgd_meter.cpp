// What a state tells of its lanes: whether they are finite numbers, and their losses since when.
#include <cmath>

#include "fold/sgd.hpp"

namespace esker {

std::vector<bool> Sgd::finite() const {
    std::vector<float> zero(static_cast<std::size_t>(width_),
                            0.0f);  // 0 x weight, summed: not zero where one is not finite
    const Index step = layout == Layout::dense ? width_ : stride_;
    for (Index j = 0; layout != Layout::unknown && j < cols; j++)
        for (int k = 0; k < width_; k++) zero[static_cast<std::size_t>(k)] += 0.0f * w.data()[j * step + k];
    std::vector<bool> ok(static_cast<std::size_t>(lanes()));
    for (std::size_t k = 0; k < ok.size(); k++)
        ok[k] = std::isfinite(bias[k]) && std::isfinite(loss_sum[k]) && zero[k] == 0.0f;
    if (const auto* softmax = std::get_if<Softmax>(&loss)) softmax->share(ok);
    return ok;
}

void Sgd::reset_meter() {
    loss_sum.assign(loss_sum.size(), 0.0);
    meter_weight = 0;
}

}  // namespace esker
