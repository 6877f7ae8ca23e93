// Every state on dense and CSR rows: cuts, merges, threads. The sanitizers' target.
#include <algorithm>

#include "base/parallel.hpp"
#include "check.hpp"
#include "fold/gram.hpp"
#include "fold/moments.hpp"
#include "fold/sgd.hpp"
#include "fold/sketch.hpp"
#include "rows.hpp"

using namespace esker;

static const Rows& rows() {
    static const Rows all(3000, 75);
    return all;
}

template <class State>
static State folded(State state, bool sparse, int n_threads, const std::vector<Index>& ends) {
    thread_limit = n_threads;
    Index begin = 0;
    for (const Index end : ends) state.update(rows().block(sparse, begin, end)), begin = end;
    thread_limit = 0;
    return state;
}

static void same(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
    check::that(a.size() == b.size() && !a.empty());
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); i++) check::near(a[i], b[i], tolerance);
}

template <class State, class Look>
static void laws(const State& fresh, Look look, double rounding) {
    for (const bool sparse : {false, true}) {
        const auto whole = look(folded(fresh, sparse, 1, {3000}));
        same(look(folded(fresh, sparse, 4, {3000})), whole, 0);
        same(look(folded(fresh, sparse, 2, {0, 7, 1000, 2999, 3000})), whole, rounding);
        State first = folded(fresh, sparse, 2, {1234}), rest = fresh;
        rest.update(rows().block(sparse, 1234, 3000));
        first.merge(rest);
        same(look(first), whole, rounding);
        first.widen(200);
        check::that(look(first).size() > whole.size());
    }
}

static check::Add moments("Moments", [] {
    laws(Moments{}, [](const Moments& s) { return s.finish().variance; }, 1e-10);
});
static check::Add gram("Gram", [] { laws(Gram{}, [](const Gram& s) { return s.finish().xx; }, 2e-3); });
static check::Add packed("Gram, packed", [] {
    const Rows wide(600, 400);  // three block rows, the last one narrow
    for (const bool sparse : {false, true}) {
        Gram whole, state = Gram::packed(400);
        for (const Index begin : {0, 300}) {
            whole.update(wide.block(sparse, begin, begin + 300));
            state.update(wide.block(sparse, begin, begin + 300));
        }
        same(state.finish().xx, whole.finish().xx, 0);
        Gram rest = Gram::packed(400);
        rest.update(wide.block(sparse, 0, 300));
        state.forget(rest);
        check::throws<std::invalid_argument>([&] { state.widen(401); });
    }
});
static check::Add sketch("RowSketch", [] {
    // Rows of float32 are summed in float32, a piece of them at a time.
    laws(RowSketch(100, 5, 8), [](const RowSketch& s) { return s.finish().x; }, 1e-4);
    laws(RowSketch(33, 5, 5), [](const RowSketch& s) { return s.finish().x; }, 1e-4);
    RowSketch one(16, 1, 8), other(16, 2, 8);
    check::throws<std::invalid_argument>([&] { one.merge(other); });
});

static check::Add steps("Sgd's steps", [] {
    for (const char* step : step_names)
        for (const int lanes : {1, 5, 20})
            for (const bool sparse : {false, true}) {
                const auto n = static_cast<std::size_t>(lanes);
                const double some_penalty = std::string(step) == "coin" ? 0.0 : 1e-3;
                const LaneTable table{std::vector<std::int32_t>(n, 0), std::vector<double>(n, 0.3),
                                      std::vector<double>(n, 0.1 * some_penalty),
                                      std::vector<double>(n, some_penalty)};
                for (const char* loss : {"log_loss", "squared_hinge"}) {
                    const Sgd fresh(loss, table, true, true, false, 0.0, step_named(step, 0, 0)),
                        whole = folded(fresh, sparse, 1, {3000}),
                        cut = folded(fresh, sparse, 4, {1, 100, 2999, 3000});
                    same(cut.finish().coef, whole.finish().coef, 0);
                    const auto score = whole.evaluate(rows().block(sparse, 0, 3000));
                    check::that(score.errors[0] / score.weight < 0.3, "learned too little");
                    Sgd some = whole.select({0});
                    some.merge(some);
                    some.set_rates({0.1});
                    check::that(some.finite()[0]);
                }
            }
});

static check::Add sgd("Sgd", [] {
    for (const char* loss : {"log_loss", "hinge", "squared_hinge", "modified_huber", "squared_error"}) {
        const LaneTable table{
            {0, 0, 0, 0, 0}, {0.01, 0.1, 0.3, 1, 3}, {0, 0, 1e-4, 0, 0}, {0, 1e-3, 0, 0, 1e-3}};
        const Sgd fresh(loss, table, true, std::string(loss) != "squared_error", true);
        for (const bool sparse : {false, true}) {
            const Sgd whole = folded(fresh, sparse, 1, {3000}),
                      cut = folded(fresh, sparse, 4, {1, 100, 2999, 3000});
            same(cut.finish().coef, whole.finish().coef, 0);
            const auto score = whole.evaluate(rows().block(sparse, 0, 3000));
            if (!fresh.classes) continue;
            const double errors = *std::min_element(score.errors.begin(), score.errors.end()) / score.weight;
            check::that(errors < 0.3, "learned too little: " + std::to_string(errors));
            Sgd pair = whole.select({1, 3});
            pair.merge(pair);
            check::that(pair.finish().coef.size() == 2 * 75);
        }
    }
});
