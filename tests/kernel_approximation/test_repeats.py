"""CSR rows that hold a place twice mean the sum; and rows that nobody may write to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from esker.kernel_approximation import AdditiveChi2Sampler, Nystroem, PolynomialCountSketch, RBFSampler
from esker.kernel_ridge import NystroemRidge

X = np.random.default_rng(3).exponential(size=(80, 6)) * (np.random.default_rng(4).random((80, 6)) < 0.6)


def twice() -> Any:
    once = sparse.csr_array(X)
    parts = np.repeat(once.data / 2, 2), np.repeat(once.indices, 2), 2 * once.indptr
    return sparse.csr_array(parts, shape=X.shape)


@pytest.mark.parametrize(
    "step",
    [
        AdditiveChi2Sampler(),
        RBFSampler(random_state=0),
        PolynomialCountSketch(random_state=0),
        *(Nystroem(kernel=k, n_components=4, random_state=0) for k in ("rbf", "laplacian", "poly", "cosine")),
    ],
    ids=repr,
)
def test_features(step: Any) -> None:
    given = twice()
    made = step.fit(given).transform(given)
    made = made.toarray() if sparse.issparse(made) else made
    np.testing.assert_allclose(made, step.fit(X).transform(X), rtol=0, atol=1e-12)
    assert given.nnz == 2 * np.count_nonzero(X)


def test_kernel_ridge() -> None:
    y = X.sum(axis=1)
    model = NystroemRidge(n_components=20, gamma=0.3, alpha=0.1, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict(twice()), model.predict(X), rtol=1e-9)


def test_kernels_of_scikit_learn_take_rows_that_cannot_be_written_to() -> None:
    fixed = X.copy()
    fixed.flags.writeable = False
    step = Nystroem(kernel="chi2", n_components=9, random_state=0)
    np.testing.assert_array_equal(step.fit_transform(fixed), step.fit_transform(X.copy()))
