// Sgd's learning by the losses of labels, compiled.
#include "fold/sgd_learn.hpp"

namespace esker::rows {

template void learn(Sgd&, const Hinge&, const Block&, Index, Index);
template void learn(Sgd&, const SquaredHinge&, const Block&, Index, Index);
template void learn(Sgd&, const ModifiedHuber&, const Block&, Index, Index);
template void learn(Sgd&, const Perceptron&, const Block&, Index, Index);
template void learn(Sgd&, const Logistic&, const Block&, Index, Index);
template void learn(Sgd&, const Softmax&, const Block&, Index, Index);

}  // namespace esker::rows
