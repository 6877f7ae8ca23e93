// Philox's known answers, and tasks run once each on any number of threads.
#include <atomic>
#include <stdexcept>

#include "base/parallel.hpp"
#include "base/philox.hpp"
#include "check.hpp"

using namespace esker;

static check::Add philox_known("philox: known answers", [] {
    check::that(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u});
    check::that(philox({0x243F6A88u, 0x85A308D3u, 0x13198A2Eu, 0x03707344u}, {0xA4093822u, 0x299F31D0u}) ==
                Words{0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u});
});

static check::Add each_once("parallel_for: each task once", [] {
    for (int n : {1, 2, 4}) {
        thread_limit = n;
        std::vector<int> seen(1000, 0);
        parallel_for(1000, [&](std::int64_t i) { seen[static_cast<std::size_t>(i)]++; });
        for (int times : seen) check::that(times == 1);
    }
    thread_limit = 0;
});

static check::Add rethrown("parallel_for: an exception reaches the caller", [] {
    thread_limit = 4;
    check::throws<std::runtime_error>([] {
        parallel_for(100, [](std::int64_t i) {
            if (i == 57) throw std::runtime_error("57");
        });
    });
    thread_limit = 0;
});
