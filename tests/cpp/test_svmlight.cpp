// The svmlight parser on a buffer that ends where the text ends, whole and in pieces, good and bad.
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/philox.hpp"
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

static check::Add shapes("svmlight: entries of every shape, many in a line", [] {
    std::string text;
    std::vector<std::int32_t> columns;
    std::vector<float> values;
    for (std::uint32_t row = 0; row < 300; row++) {
        text += row & 1 ? "-1" : "1";
        for (std::uint32_t k = 0, column = 0; k < 40; k++) {
            const Words w = philox({row, k, 0, 0}, {11, 0});
            // Mostly of one shape, so that several are read at once.
            const bool odd = w[3] % 16 == 0;
            const auto digits = [&](std::uint32_t x, std::uint32_t n) {
                std::string d;
                for (; d.size() < n; x = x * 1103515245u + 12345u)
                    d += static_cast<char>('0' + x / 65536 % 10);
                return d;
            };
            std::string value = w[3] & 32 ? "-" : "";
            value += digits(w[0], odd ? 1 + w[1] % 9 : 1 + w[1] % 2);
            if (!odd || w[3] & 64) value += "." + digits(w[2], 1 + (odd ? w[1] / 16 % 20 : w[1] / 16 % 5));
            column += 1 + w[0] % (odd ? 200000 : 300);
            text += " " + std::to_string(column) + ":" + value;
            columns.push_back(static_cast<std::int32_t>(column));
            values.push_back(static_cast<float>(std::strtod(value.c_str(), nullptr)));
        }
        text += "\n";
    }
    Parsed p = parse(text);
    p.indices.resize(p.values.size());
    check::that(p.y.size() == 300 && p.values == values && p.indices == columns);
});

static check::Add bad("svmlight: bad lines", [] {
    for (const char* text : {"x 1:2\n", "1 a:2\n", "1 2:b\n", "1 2\n", "1 -3:1\n", "1 2:", "1 2:3:4\n", ":"})
        check::throws<FormatError>([&] { parse(text); });
});
