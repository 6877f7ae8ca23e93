// Kernels on bytes of text, for each instruction set that this CPU runs, against loops byte by byte.
#include <cstring>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "check.hpp"
#include "isa/kernels.hpp"

using namespace esker;

static std::vector<const Isa*> tables() {
    const char* names[3];
    std::vector<const Isa*> found;
    for (int i = 0, n = available_isas(names); i < n; i++) {
        found.push_back(&isa::baseline::table());
#ifdef __x86_64__
        if (std::strcmp(names[i], "avx2") == 0) found.back() = &isa::avx2::table();
        if (std::strcmp(names[i], "avx512") == 0) found.back() = &isa::avx512::table();
#endif
    }
    return found;
}

// Bytes that are often colons, signs and digits, and any at times.
static std::string text(int size, std::uint32_t seed) {
    static constexpr char usual[] = "0123456789:-. \n:-";
    std::string s;
    for (int i = 0; i < size; i++) {
        const Words w = philox({static_cast<std::uint32_t>(i), 0, 0, 0}, {seed, 0});
        s += w[0] % 8 ? usual[w[1] % (sizeof usual - 1)] : static_cast<char>(w[1]);
    }
    return s;
}

static check::Add marked("text: the places of what is no digit", [] {
    for (const Isa* isa : tables())
        for (int blocks : {0, 1, 2, 5, 128, 1023}) {
            const std::string s = text(64 * blocks, static_cast<std::uint32_t>(blocks));
            std::vector<std::uint16_t> places(s.size() + marks_slack), expected;
            for (std::size_t i = 0; i < s.size(); i++)
                if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] == '-' && i > 0 && s[i - 1] == ':'))
                    expected.push_back(static_cast<std::uint16_t>(i));
            places.resize(static_cast<std::size_t>(isa->text.marks(places.data(), s.data(), blocks)));
            check::that(places == expected);
        }
});

static check::Add counted("text: counts of two bytes", [] {
    for (const Isa* isa : tables())
        for (int size : {0, 1, 63, 64, 65, 1000, 4099}) {
            const std::string s = text(size, 7);
            std::int64_t counts[2] = {-1, -1}, colons = 0, lines = 0;
            for (const char c : s) colons += c == ':', lines += c == '\n';
            isa->text.count(counts, s.data(), size, '\n', ':');
            check::that(counts[0] == lines && counts[1] == colons);
        }
});

static check::Add divided("text: quotients are rounded once", [] {
    for (const Isa* isa : tables()) {
        std::vector<std::int64_t> above;
        std::vector<double> below;
        for (std::uint32_t i = 0; i < 1001; i++) {
            const Words w = philox({i, 1, 0, 0}, {3, 0});
            above.push_back(static_cast<std::int64_t>((std::uint64_t{w[0]} << 21 | w[1] >> 11) >> w[2] % 53));
            below.push_back((w[3] & 1 ? -1 : 1) * std::vector<double>{1, 10, 1e4, 1e17, 1e19}[w[3] / 2 % 5]);
        }
        above[0] = std::int64_t{1} << 53, above[1] = 0, below[1] = -10;
        std::vector<double> wide(1001);
        std::vector<float> narrow(1001);
        isa->text.quotients_f64(wide.data(), above.data(), below.data(), 1001);
        isa->text.quotients_f32(narrow.data(), above.data(), below.data(), 1001);
        for (std::size_t i = 0; i < 1001; i++) {
            const double exact = static_cast<double>(above[i]) / below[i];
            const auto rounded = static_cast<float>(exact);
            check::that(std::memcmp(&wide[i], &exact, sizeof exact) == 0);
            check::that(std::memcmp(&narrow[i], &rounded, sizeof rounded) == 0);
        }
    }
});
