// The kernels for baseline; the flags are in CMakeLists.txt.
#define ESKER_ISA_NAME baseline
#include "isa/kernels.inl.hpp"
