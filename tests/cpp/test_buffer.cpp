// Large tables grow by moving pages: as kernels before 6.17 do it, and where none may be moved.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>

#include "base/buffer.hpp"
#include "check.hpp"

using namespace esker;

#ifdef MREMAP_FIXED
namespace {

bool refuse = false;
int moved = 0, refused = 0;

// Whether one mapping has the whole range.
bool in_one_mapping(const void* data, std::size_t bytes) {
    const auto first = reinterpret_cast<std::uintptr_t>(data);
    bool found = false;
    std::FILE* maps = std::fopen("/proc/self/maps", "r");
    char line[1024];
    while (maps && std::fgets(line, sizeof line, maps)) {
        unsigned long begin = 0, end = 0;
        if (std::sscanf(line, "%lx-%lx", &begin, &end) == 2)
            found = found || (begin <= first && first + bytes <= end);
    }
    if (maps) std::fclose(maps);
    return found;
}

void grows_with_what_it_holds() {
    constexpr std::size_t step = 1009;  // floats between those that are written
    Buffer b;
    for (std::size_t n = std::size_t{1} << 18, had = 0; n <= std::size_t{1} << 24; had = n, n *= 2) {
        b.grow(n);
        check::that(reinterpret_cast<std::uintptr_t>(b.data()) % 64 == 0 && b.size() == n);
        bool kept = true, zero = true;
        for (std::size_t j = 0; j < n; j += step)
            (j < had ? kept : zero) &= b.data()[j] == (j < had ? static_cast<float>(j + 1) : 0.0f);
        check::that(kept, "what was there stays");
        check::that(zero, "what is new is zero");
        for (std::size_t j = 0; j < n; j += step) b.data()[j] = static_cast<float>(j + 1);
    }
}

}  // namespace

// In the place of the C library's: as Linux before 6.17, which unmaps the target and then refuses a range of
// several mappings.
extern "C" void* mremap(void* old, std::size_t old_bytes, std::size_t bytes, int flags, ...) noexcept {
    std::va_list rest;
    va_start(rest, flags);
    void* to = flags & MREMAP_FIXED ? va_arg(rest, void*) : nullptr;
    va_end(rest);
    if (to && (refuse || !in_one_mapping(old, old_bytes))) {
        refused++;
        munmap(to, bytes);
        errno = EFAULT;
        return MAP_FAILED;
    }
    moved++;
    return reinterpret_cast<void*>(syscall(SYS_mremap, old, old_bytes, bytes, flags, to));
}

static check::Add moves("Buffer: large tables grow by moving one mapping", [] {
    refuse = false, moved = refused = 0;
    grows_with_what_it_holds();
    check::that(moved >= 4 && refused == 0,
                std::to_string(moved) + " moves, " + std::to_string(refused) + " refused");
});

static check::Add copies("Buffer: pages that may not be moved are copied", [] {
    refuse = true, moved = refused = 0;
    grows_with_what_it_holds();
    refuse = false;
    check::that(moved == 0 && refused >= 4);
});
#endif
