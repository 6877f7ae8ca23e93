// Picks the table of kernels once, at first use.
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "isa/crc32c_kernels.hpp"
#include "isa/kernels.hpp"
#include "isa/map_kernels.hpp"

namespace esker {
namespace {

int available(const Isa** tables) noexcept {
    int n = 0;
    tables[n++] = &isa::baseline::table();
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        tables[n++] = &isa::avx2::table();
    if (n == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        tables[n++] = &isa::avx512::table();
#endif
    return n;
}

const Isa& choose() {
    const Isa* tables[3];
    const int n = available(tables);
    const char* wanted = std::getenv("ESKER_ISA");
    if (!wanted || !*wanted) return *tables[n - 1];
    std::string names;
    for (int i = 0; i < n; i++) {
        if (std::strcmp(tables[i]->name, wanted) == 0) return *tables[i];
        names += (i ? ", " : "") + std::string(tables[i]->name);
    }
    throw std::invalid_argument("ESKER_ISA names an instruction set that this CPU runs (" + names +
                                "), got '" + wanted + "'; unset it to use the best");
}

}  // namespace

const Isa& kernels() {
    static const Isa& chosen = choose();
    return chosen;
}

const MapKernels& map_kernels() {
    static const MapKernels& chosen = []() -> const MapKernels& {
#if defined(__x86_64__)
        if (&kernels() == &isa::avx2::table()) return isa::avx2::map_table();
        if (&kernels() == &isa::avx512::table()) return isa::avx512::map_table();
#endif
        return isa::baseline::map_table();
    }();
    return chosen;
}

Crc32cKernel crc32c_kernel() noexcept {
#if defined(__x86_64__)
    try {
        if (std::strcmp(kernels().name, "avx512") == 0 && __builtin_cpu_supports("vpclmulqdq") &&
            __builtin_cpu_supports("pclmul"))
            return &isa::crc32c_vpclmul;
    } catch (...) {  // ESKER_ISA names nothing: whoever asks for kernels() says so
    }
#endif
    return nullptr;
}

int available_isas(const char** names) noexcept {
    const Isa* tables[3];
    const int n = available(tables);
    for (int i = 0; i < n; i++) names[i] = tables[i]->name;
    return n;
}

}  // namespace esker
