// Leave-one-out errors of dense, CSR and nearly empty rows against plain loops, for shapes that fill no tile.
#include "solve/leave_one_out.hpp"

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "check.hpp"
#include "rows.hpp"

using namespace esker;

// A number that depends on where it stands.
static double some(Index i, Index j) {
    return uniform(philox({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j), 1, 1}, {3, 3})[0]) -
           0.5;
}

struct Case {
    Index n, d, rank, alphas;
    std::vector<double> vectors, mean, shrink, coef;
    Case(Index n, Index d, Index rank, Index alphas) : n(n), d(d), rank(rank), alphas(alphas) {
        for (Index i = 0; i < d; i++) mean.push_back(some(i, 1000));
        for (Index i = 0; i < d; i++)
            for (Index j = 0; j < rank; j++) vectors.push_back(some(i, j) / static_cast<double>(d));
        for (Index j = 0; j < rank; j++)
            for (Index a = 0; a < alphas; a++)
                shrink.push_back(0.01 * (some(j, 2000 + a) + 0.5)), coef.push_back(some(j, 3000 + a));
    }
    double error(const Rows& rows, Index i, Index a) const {
        double h = 0.001, p = 0;
        for (Index j = 0; j < rank; j++) {
            double z = 0;
            for (Index k = 0; k < d; k++)
                z += (static_cast<double>(rows.x[static_cast<std::size_t>(i * d + k)]) -
                      mean[static_cast<std::size_t>(k)]) *
                     vectors[static_cast<std::size_t>(k * rank + j)];
            h += z * z * shrink[static_cast<std::size_t>(j * alphas + a)];
            p += z * coef[static_cast<std::size_t>(j * alphas + a)];
        }
        const auto at = static_cast<std::size_t>(i);
        return (rows.y[at] - 0.3 - p) / (1 - rows.weight[at] * h);
    }
};

static check::Add leave_one_out("LeaveOneOut", [] {
    for (const auto& c : {Case(1, 1, 1, 1), Case(65, 7, 5, 3), Case(150, 75, 75, 20), Case(40, 300, 13, 7)}) {
        const Rows rows(c.n, c.d);
        for (const bool sparse : {false, true})
            for (const int n_threads : {1, 2}) {
                LeaveOneOut walk(c.vectors, c.rank, c.mean, {0.3}, c.shrink.data(), c.alphas, c.coef.data(),
                                 0.001);
                std::vector<double> errors(static_cast<std::size_t>(c.n * c.alphas));
                thread_limit = n_threads;
                walk.update(rows.block(sparse, 0, c.n), errors.data());
                thread_limit = 0;
                for (Index i = 0; i < c.n; i++)
                    for (Index a = 0; a < c.alphas; a++)
                        check::near(errors[static_cast<std::size_t>(i * c.alphas + a)], c.error(rows, i, a),
                                    1e-9);
                check::that(walk.least > 0 && walk.least <= 1);
                check::that(walk.squares.size() == static_cast<std::size_t>(c.alphas));
            }
    }
});

static check::Add few_numbers("LeaveOneOut of rows with few numbers", [] {
    const Case c(20, 64, 9, 4);
    Rows rows(c.n, c.d);
    std::vector<float> data;
    std::vector<std::int32_t> indices, indptr{0};
    for (Index i = 0; i < c.n; i++) {
        for (Index j = 0; j < c.d; j++) {
            float& x = rows.x[static_cast<std::size_t>(i * c.d + j)];
            if ((i + j) % 16 == 0)
                data.push_back(x), indices.push_back(static_cast<std::int32_t>(j));
            else
                x = 0;
        }
        indptr.push_back(static_cast<std::int32_t>(data.size()));
    }
    Block block = rows.block(true, 0, c.n);
    block.x = CsrView<float, std::int32_t>{data.data(), indices.data(), indptr.data(), c.n, c.d};
    LeaveOneOut walk(c.vectors, c.rank, c.mean, {0.3}, c.shrink.data(), c.alphas, c.coef.data(), 0.001);
    std::vector<double> errors(static_cast<std::size_t>(c.n * c.alphas));
    walk.update(block, errors.data());
    for (Index i = 0; i < c.n; i++)
        for (Index a = 0; a < c.alphas; a++)
            check::near(errors[static_cast<std::size_t>(i * c.alphas + a)], c.error(rows, i, a), 1e-9);
    LeaveOneOut other(c.vectors, c.rank, c.mean, {0.3, 0.4}, c.shrink.data(), 2, c.coef.data(), 0.001);
    check::throws<std::invalid_argument>([&] { other.update(block, nullptr); });
});
