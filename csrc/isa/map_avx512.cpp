// The kernels of random maps for avx512; the flags are in CMakeLists.txt.
#define ESKER_ISA_NAME avx512
#include "isa/map_kernels.inl.hpp"
