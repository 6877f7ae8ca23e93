// A test is a function with a name; a check counts, says where it failed, and the run goes on.
#pragma once

#include <cmath>
#include <cstdio>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

namespace check {

struct Test {
    const char* name;
    void (*run)();
};
inline std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}
inline int failed = 0, checked = 0;

struct Add {
    Add(const char* name, void (*run)()) { tests().push_back({name, run}); }
};

inline void that(bool ok, const std::string& what = "",
                 const std::source_location& at = std::source_location::current()) {
    checked++;
    if (ok) return;
    failed++;
    std::printf("%s:%u: failed %s\n", at.file_name(), static_cast<unsigned>(at.line()), what.c_str());
}
inline void near(double a, double b, double tolerance = 1e-12,
                 const std::source_location& at = std::source_location::current()) {
    that(std::abs(a - b) <= tolerance * std::fmax(1, std::abs(b)),
         std::to_string(a) + " is not " + std::to_string(b), at);
}
template <class Error, class F>
void throws(F&& f, const std::source_location& at = std::source_location::current()) {
    try {
        f();
    } catch (const Error&) {
        return that(true);
    }
    that(false, "nothing was thrown", at);
}

}  // namespace check
