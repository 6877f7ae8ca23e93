// The kernels for avx512; the flags are in CMakeLists.txt.
#define ESKER_ISA_NAME avx512
#include "isa/kernels.inl.hpp"
