// Sgd's walks over a block: to learn, and to evaluate.
#include <algorithm>
#include <cmath>

#include "fold/sgd_layout.hpp"
#include "fold/sgd_targets.hpp"

namespace esker {
namespace rows {

template <class L>
void learn(Sgd& s, const L& loss, const Block& block, Index begin, Index end);  // in sgd_learn_*.cpp

}  // namespace rows
namespace {

using namespace rows;

void check(const Sgd& s, const Block& block, Index begin, Index end) {
    require(block.y != nullptr, "a learner that steps needs y");
    require(0 <= begin && begin <= end && end <= block.n,
            "rows [" + std::to_string(begin) + ", " + std::to_string(end) + ") are not within the block's " +
                std::to_string(block.n));
    if (s.classes)
        require(block.targets == 1, "classes are one column of y, got " + std::to_string(block.targets));
    for (std::int32_t t : s.table.target)
        require(s.classes || t < block.targets, "a lane learns column " + std::to_string(t) +
                                                    " of y, which has " + std::to_string(block.targets));
}

// Every target is one that the loss has a distribution for, so that no row is learned from before another is
// refused.
void check_targets(const Sgd& s, const Block& block, Index begin, Index end) {
    std::visit(
        [&](const auto& loss) {
            using L = std::decay_t<decltype(loss)>;
            if constexpr (std::is_same_v<L, Softmax>) {
                std::vector<double> known(s.table.target.begin(), s.table.target.end());
                std::sort(known.begin(), known.end());
                for (Index p = begin; p < end; p++) {
                    const Index i = block.order ? block.order[p] : p;
                    if (block.w(i) <= 0 || std::binary_search(known.begin(), known.end(), block.y[i]))
                        continue;
                    throw std::invalid_argument("loss='softmax' needs a lane for every class, got class " +
                                                number_name(block.y[i]) + " in " + row_name(block.keys(i)));
                }
            }
            if constexpr (L::log_link)
                for (Index p = begin; p < end; p++) {
                    const Index i = block.order ? block.order[p] : p;
                    if (block.w(i) <= 0) continue;
                    for (std::int32_t t : s.table.target) {
                        const double y = block.y[i * block.targets + t];
                        if (L::takes(y)) continue;
                        throw std::invalid_argument("loss='" + s.loss_name + "' needs targets " + L::targets +
                                                    ", got " + number_name(y) + " in " +
                                                    row_name(block.keys(i)));
                    }
                }
        },
        s.loss);
}

// 1 for the lanes whose decision is wrong, else 0.
template <class L>
void missed(const L& loss, double* wrong, const double* p, const double* y, int n) {
    if constexpr (requires { loss.missed(wrong, p, y, n); })
        loss.missed(wrong, p, y, n);
    else
        for (int k = 0; k < n; k++) wrong[k] = p[k] * y[k] <= 0;
}

}  // namespace

void Sgd::update_rows(const Block& block, Index begin, Index end) {
    check(*this, block, begin, end);
    check_targets(*this, block, begin, begin == 0 ? block.n : end);
    const bool dense = std::holds_alternative<DenseView<float>>(block.x) ||
                       std::holds_alternative<DenseView<double>>(block.x);
    choose_layout(dense ? Layout::dense : Layout::sparse);
    widen(esker::cols(block.x));
    std::visit([&](const auto& l) { learn(*this, l, block, begin, end); }, loss);
}

Sgd::Score Sgd::evaluate(const Block& block, int columns) const {
    check(*this, block, 0, block.n);
    check_targets(*this, block, 0, block.n);
    require(layout != Layout::unknown, "an Sgd state that has seen no rows has nothing to evaluate");
    require(esker::cols(block.x) <= cols, "the block has " + std::to_string(esker::cols(block.x)) +
                                              " columns, the state has seen " + std::to_string(cols));
    Score out;
    const auto n = static_cast<std::size_t>(lanes());
    out.loss.assign(n, 0.0);
    out.errors.assign(n, 0.0);
    require(columns == 0 || columns == 1 || columns == lanes(),
            "each row has no loss apart, one, or one a lane, got " + std::to_string(columns));
    out.each.assign(static_cast<std::size_t>(block.n * columns), 0.0);
    Row r(*this);
    std::vector<double> wrong(n);
    auto score = [&](auto& rows, const Block& b, Index i, double weight) {
        rows.open(*this, r, i);
        rows.dot(*this, r);
        labels(r.label.data(), *this, b, i);
        for (std::size_t k = 0; k < n; k++) r.prediction[k] = static_cast<double>(r.dot[k]) + bias[k];
        std::visit(
            [&](const auto& l) {
                over(l, r.slope.data(), r.value.data(), r.prediction.data(), r.label.data(), y_scale.data(),
                     lanes());
                missed(l, wrong.data(), r.prediction.data(), r.label.data(), lanes());
            },
            loss);
        for (std::size_t k = 0; k < n; k++) {
            out.loss[k] += weight * r.value[k];
            if (classes) out.errors[k] += weight * wrong[k];
        }
        out.weight += weight;
    };
    Index row = 0;  // in the order in which they are scored
    in_layout(*this, block, 0, block.n, [&](const auto& x, const Block& b, Index from, Index to) {
        with_rows(x, *this, [&](auto&& rows) {
            for (Index p = from; p < to; p++, row++) {
                const Index i = b.order ? b.order[p] : p;
                if (b.w(i) <= 0) continue;
                score(rows, b, i, b.w(i));
                double* each = out.each.data() + row * columns;
                for (std::size_t k = 0; columns > 0 && k < n; k++) each[columns == 1 ? 0 : k] += r.value[k];
            }
        });
    });
    return out;
}

}  // namespace esker
