// Sgd's learning by the losses of numbers, compiled.
#include "fold/sgd_learn.hpp"

namespace esker::rows {

template void learn(Sgd&, const Squared&, const Block&, Index, Index);
template void learn(Sgd&, const Huber&, const Block&, Index, Index);
template void learn(Sgd&, const EpsilonInsensitive&, const Block&, Index, Index);
template void learn(Sgd&, const SquaredEpsilonInsensitive&, const Block&, Index, Index);
template void learn(Sgd&, const Quantile&, const Block&, Index, Index);

}  // namespace esker::rows
