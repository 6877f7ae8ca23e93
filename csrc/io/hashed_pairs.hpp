// Rows of hashed names with values, as scikit-learn's FeatureHasher has them: duplicates are summed in the
// very order in which SciPy sums them, so that the bits are the same.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/parallel.hpp"

namespace esker {

template <class T>
struct PairRows {
    std::vector<std::int32_t> indices;
    std::vector<T> values;
    std::vector<std::int64_t> indptr{0};

    void add(std::int32_t column, T value) { indices.push_back(column), values.push_back(value); }
    void end_row() { indptr.push_back(static_cast<std::int64_t>(indices.size())); }

    // Sorts rows, unless all are sorted already, and sums what has one column.
    void sum_duplicates() {
        constexpr std::int64_t many = 512;
        const auto rows = static_cast<std::int64_t>(indptr.size()) - 1;
        const std::int64_t tasks = (rows + many - 1) / many;
        std::atomic<bool> unsorted{false}, repeated{false};
        const auto each = [&](auto&& f) {
            parallel_for(tasks, [&](std::int64_t task) {
                for (std::int64_t i = task * many; i < std::min(rows, (task + 1) * many); i++) f(i);
            });
        };
        each([&](std::int64_t i) {
            bool down = false, same = false;
            for (std::int64_t k = begin(i) + 1; k < end(i); k++) {
                down |= at(k) < at(k - 1);
                same |= at(k) == at(k - 1);
            }
            if (down) unsorted = true;
            if (same) repeated = true;
        });
        if (!unsorted && !repeated) return;
        std::vector<std::int64_t> sizes(indptr.size(), 0);
        each([&](std::int64_t i) {
            if (unsorted) sort(i);
            std::int64_t to = begin(i);
            for (std::int64_t k = begin(i); k < end(i); to++) {
                const std::int32_t column = at(k);
                T sum = values[static_cast<std::size_t>(k++)];
                while (k < end(i) && at(k) == column) sum += values[static_cast<std::size_t>(k++)];
                indices[static_cast<std::size_t>(to)] = column, values[static_cast<std::size_t>(to)] = sum;
            }
            sizes[static_cast<std::size_t>(i) + 1] = to - begin(i);
        });
        std::int64_t to = 0;
        for (std::int64_t i = 0; i < rows; i++) {
            const std::int64_t from = begin(i), n = sizes[static_cast<std::size_t>(i) + 1];
            if (from != to) {
                std::copy_n(indices.begin() + from, n, indices.begin() + to);
                std::copy_n(values.begin() + from, n, values.begin() + to);
            }
            indptr[static_cast<std::size_t>(i)] = to;
            to += n;
        }
        indptr.back() = to;
        indices.resize(static_cast<std::size_t>(to)), values.resize(static_cast<std::size_t>(to));
    }

private:
    std::int64_t begin(std::int64_t i) const { return indptr[static_cast<std::size_t>(i)]; }
    std::int64_t end(std::int64_t i) const { return indptr[static_cast<std::size_t>(i) + 1]; }
    std::int32_t at(std::int64_t k) const { return indices[static_cast<std::size_t>(k)]; }

    // Where columns are equal the order is the algorithm's; SciPy's is this one.
    void sort(std::int64_t i) {
        thread_local std::vector<std::pair<std::int32_t, T>> row;
        row.clear();
        for (std::int64_t k = begin(i); k < end(i); k++)
            row.emplace_back(at(k), values[static_cast<std::size_t>(k)]);
        std::sort(row.begin(), row.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        auto k = static_cast<std::size_t>(begin(i));
        for (const auto& [column, value] : row) indices[k] = column, values[k++] = value;
    }
};

}  // namespace esker
