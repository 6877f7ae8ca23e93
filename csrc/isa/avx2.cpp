// The kernels for avx2; the flags are in CMakeLists.txt.
#define ESKER_ISA_NAME avx2
#include "isa/kernels.inl.hpp"
