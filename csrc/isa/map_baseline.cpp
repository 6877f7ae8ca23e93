// The kernels of random maps for baseline; the flags are in CMakeLists.txt.
#define ESKER_ISA_NAME baseline
#include "isa/map_kernels.inl.hpp"
