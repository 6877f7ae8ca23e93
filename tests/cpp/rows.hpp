// Small data for the tests of folds: dense and CSR rows with the same numbers.
#pragma once

#include <vector>

#include "base/philox.hpp"
#include "base/view.hpp"

struct Rows {
    esker::Index n, d;
    std::vector<float> x;
    std::vector<double> y, weight;
    std::vector<float> data;
    std::vector<std::int32_t> indices, indptr{0};

    Rows(esker::Index n, esker::Index d) : n(n), d(d) {
        for (esker::Index i = 0; i < n; i++) {
            for (esker::Index j = 0; j < d; j++) {
                const auto w = esker::philox(
                    {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j), 0, 0}, {7, 7});
                const bool zero = w[0] % 3 == 0;
                x.push_back(
                    zero ? 0.0f
                         : static_cast<float>((w[2] & 1 ? -1 : 1) * (0.5 + 1.5 * esker::uniform(w[1]))));
                if (!zero) data.push_back(x.back()), indices.push_back(static_cast<std::int32_t>(j));
            }
            indptr.push_back(static_cast<std::int32_t>(data.size()));
            y.push_back(x[static_cast<std::size_t>(i * d)] > 0 ? 1 : 0);
            weight.push_back(1 + static_cast<double>(i % 3));
        }
    }
    esker::Block block(bool sparse, esker::Index begin, esker::Index end) const {
        esker::Block b;
        if (sparse)
            b.x = esker::CsrView<float, std::int32_t>{data.data(), indices.data(), indptr.data() + begin,
                                                      end - begin, d};
        else
            b.x = esker::DenseView<float>{x.data() + begin * d, end - begin, d, d};
        b.y = y.data() + begin, b.targets = 1, b.weight = weight.data() + begin, b.keys.first = begin,
        b.n = end - begin;
        return b;
    }
};
