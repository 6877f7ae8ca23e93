// Blocks as views of a state's layout.
#pragma once

#include <vector>

#include "fold/sgd_adaptive.hpp"
#include "fold/sgd_plain.hpp"

namespace esker::rows {

// Calls f with the rows of x as this state's rule and layout read them.
template <class T, class F>
void with_rows(const DenseView<T>& x, const Sgd& s, F&& f) {
    if (s.plain())
        f(PlainDense(x, s));
    else if (s.step.rule == Rule::ftrl)
        f(FtrlDense(x, s));
    else if (s.step.rule == Rule::coin)
        f(CoinDense(x, s));
    else
        f(DenseRows(x, s));
}
template <class T, class I, class F>
void with_rows(const CsrView<T, I>& x, const Sgd& s, F&& f) {
    if (s.plain() && s.width() == 1)
        f(SinglePlainRows<I>(x, s));
    else if (s.plain())
        f(PlainRows<I>(x, s));
    else if (s.step.rule == Rule::ftrl)
        f(FtrlRows<I>(x, s));
    else if (s.step.rule == Rule::coin)
        f(CoinRows<I>(x, s));
    else if (!s.records())
        f(PairRows<I>(x, s));
    else if (s.width() == 1)
        f(SingleRows<I>(x, s));
    else if (s.width() == 4)
        f(NarrowRows<I>(x, s));
    else
        f(WideRows<I>(x, s));
}

// A dense block for records, or a sparse one for flat tables, is read through the other's row type.
template <class T>
CsrView<T, std::int32_t> as_sparse(const DenseView<T>& x, Index i, std::vector<T>& values,
                                   std::vector<std::int32_t>& columns, std::int32_t (&ends)[2]) {
    values.clear();
    columns.clear();
    for (Index j = 0; j < x.cols; j++)
        if (x.row(i)[j] != T{0})
            values.push_back(x.row(i)[j]), columns.push_back(static_cast<std::int32_t>(j));
    ends[0] = 0, ends[1] = static_cast<std::int32_t>(values.size());
    return {values.data(), columns.data(), ends, 1, x.cols};
}
template <class T, class I>
DenseView<T> as_dense(const CsrView<T, I>& x, Index i, Index cols, std::vector<T>& values) {
    values.assign(static_cast<std::size_t>(cols), T{0});
    const auto row = x.row(i);
    for (Index j = 0; j < row.size; j++) values[static_cast<std::size_t>(row.columns[j])] = row.values[j];
    return {values.data(), 1, cols, cols};
}

// Calls f(view, block, position, end) with views of the state's layout: the whole block at once, or a row at
// a time.
template <class S, class F>
void in_layout(S& s, const Block& block, Index begin, Index end, F&& f) {
    std::visit(
        [&](const auto& x) {
            using X = std::decay_t<decltype(x)>;
            using T = typename X::Scalar;
            constexpr bool dense = std::is_same_v<X, DenseView<T>>;
            if (dense == (s.layout == Layout::dense) && (!dense || x.cols == s.cols))
                return f(x, block, begin, end);
            std::vector<T> values;
            for (Index p = begin; p < end; p++) {
                const Index i = block.order ? block.order[p] : p;
                Block one = block;
                one.order = nullptr;
                one.n = 1;
                one.y = block.y ? block.y + i * block.targets : nullptr;
                one.weight = block.weight ? block.weight + i : nullptr;
                one.keys = {nullptr, block.keys(i)};
                if constexpr (dense) {
                    if (s.layout == Layout::dense) {  // narrower than the state
                        values.assign(static_cast<std::size_t>(s.cols), T{0});
                        for (Index j = 0; j < x.cols; j++) values[static_cast<std::size_t>(j)] = x.row(i)[j];
                        f(DenseView<T>{values.data(), 1, s.cols, s.cols}, one, 0, 1);
                    } else {
                        std::vector<std::int32_t> columns;
                        std::int32_t ends[2];
                        f(as_sparse(x, i, values, columns, ends), one, 0, 1);
                    }
                } else {
                    f(as_dense(x, i, s.cols, values), one, 0, 1);
                }
            }
        },
        block.x);
}

}  // namespace esker::rows
