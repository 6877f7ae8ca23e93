// The kernels of random maps for avx2; the flags are in CMakeLists.txt.
#define ESKER_ISA_NAME avx2
#include "isa/map_kernels.inl.hpp"
