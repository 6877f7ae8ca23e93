// Sgd's learning by the losses of counts, compiled.
#include "fold/sgd_learn.hpp"

namespace esker::rows {

template void learn(Sgd&, const Poisson&, const Block&, Index, Index);
template void learn(Sgd&, const Gamma&, const Block&, Index, Index);
template void learn(Sgd&, const Tweedie&, const Block&, Index, Index);

}  // namespace esker::rows
