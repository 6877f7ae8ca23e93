// Runs every test, or those whose name holds the argument.
#include <exception>
#include <string>

#include "check.hpp"

int main(int argc, char** argv) {
    for (const check::Test& test : check::tests()) {
        if (argc > 1 && std::string(test.name).find(argv[1]) == std::string::npos) continue;
        const int before = check::failed;
        try {
            test.run();
        } catch (const std::exception& e) {
            check::that(false, e.what());
        }
        std::printf("%s %s\n", check::failed == before ? "ok    " : "FAILED", test.name);
    }
    std::printf("%d checks, %d failed\n", check::checked, check::failed);
    return check::failed || !check::checked;
}
