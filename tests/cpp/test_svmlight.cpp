// The svmlight parser on a buffer that ends where the text ends, whole and in pieces, good and bad.
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "check.hpp"
#include "io/svmlight.hpp"

using namespace esker;

struct Parsed {
    std::vector<double> y;
    std::vector<float> values;
    std::vector<std::int32_t> indices, indptr;
};

static Parsed parse(const std::string& text) {
    const std::vector<char> exact(text.begin(), text.end());  // on the heap, so that a read beyond it is seen
    const SvmlightPlan plan =
        plan_svmlight(exact.data(), static_cast<Index>(exact.size()), static_cast<Index>(exact.size()));
    Parsed p;
    p.y.resize(static_cast<std::size_t>(plan.lines)),
        p.indptr.resize(static_cast<std::size_t>(plan.lines) + 1);
    p.values.resize(static_cast<std::size_t>(plan.entries)),
        p.indices.resize(static_cast<std::size_t>(plan.entries));
    CsrRoom<float, std::int32_t> room{p.y.data(), p.values.data(), p.indices.data(), p.indptr.data()};
    parse_svmlight(room, plan, SvmlightOptions{});
    p.y.resize(static_cast<std::size_t>(room.rows)), p.values.resize(static_cast<std::size_t>(room.entries));
    return p;
}

static check::Add good("svmlight: numbers and rows", [] {
    const Parsed p = parse("1 0:0.5 3:-2e1 # comment\n-1\n\n0.25 qid:3 2:7");
    check::that(p.y == std::vector<double>{1, -1, 0.25});
    check::that(p.values == std::vector<float>{0.5f, -20.0f, 7.0f});
    std::string many;
    for (int i = 0; i < 20000; i++) many += std::to_string(i % 2) + " 1:" + std::to_string(i) + " 5:1.5\n";
    thread_limit = 4;
    const Parsed four = parse(many);
    thread_limit = 1;
    const Parsed one = parse(many);
    thread_limit = 0;
    check::that(four.y == one.y && four.values == one.values && one.y.size() == 20000);
});

static check::Add bad("svmlight: bad lines", [] {
    for (const char* text : {"x 1:2\n", "1 a:2\n", "1 2:b\n", "1 2\n", "1 -3:1\n", "1 2:", "1 2:3:4\n", ":"})
        check::throws<FormatError>([&] { parse(text); });
});
