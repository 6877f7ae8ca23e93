"""Cholesky in the sums' place: as LAPACK's, at the edges of block rows, for any scale, penalty and number of right-hand sides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from esker._errors import NotPositiveDefinite
from esker._native import core


def packed(X: np.ndarray) -> core.Gram:
    state = core.Gram(packed=X.shape[1])
    state.update(X)
    return state


@pytest.mark.parametrize("d", [1, 2, 191, 192, 193, 384, 500])
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_solutions_products_and_condition(d: int, centred: bool, alpha: float) -> None:
    rng = np.random.default_rng(d)
    X = (rng.standard_normal((2 * d + 9, d)) + 1.0) * 10.0 ** rng.uniform(-3, 3, d)
    state, mean = packed(X), X.mean(0) * centred
    A = (X - mean).T @ (X - mean) + alpha * np.eye(d)
    s = 1 / np.sqrt(A.diagonal())
    scaling = core.factorise(state, alpha, centred)
    scaled = s[:, None] * A * s
    np.testing.assert_allclose(scaling.scale, s, rtol=1e-12)
    np.testing.assert_allclose(scaling.norm, np.abs(scaled).sum(0).max(), rtol=1e-12)
    # LAPACK's estimate of the same matrix, which is a lower bound of the inverse's norm.
    factor, _ = linalg.lapack.dpotrf(scaled, lower=1)
    np.testing.assert_allclose(
        scaling.rcond, linalg.lapack.dpocon(factor, scaling.norm, uplo="L")[0], rtol=1e-6
    )
    for rows in (1, 3):
        b = rng.standard_normal((rows, d))
        found = b.copy()
        core.solve(state, scaling, found)
        np.testing.assert_allclose((found @ A) * s, b * s, atol=1e-11 / scaling.rcond * np.abs(b * s).max())
        back = found.copy()
        core.multiply_factored(state, scaling, back)
        reach = (np.abs(found) @ np.abs(A)) * s
        assert np.abs(back * s - (found @ A) * s).max() <= 1e-14 * d * reach.max()


def test_constant_columns_are_zeros() -> None:
    X = np.random.default_rng(0).standard_normal((400, 250))
    X[:, [0, 192, 249]] = 7.0
    state = packed(X)
    scaling = core.factorise(state, 0.0, True)
    b = np.ones((1, 250))
    core.solve(state, scaling, b)
    assert not b[0, [0, 192, 249]].any()
    assert b[0, 1:192].all()
    core.multiply_factored(state, scaling, b)
    np.testing.assert_allclose(np.delete(b, [0, 192, 249]), 1.0, rtol=1e-9)


def test_what_is_not_positive_definite_is_said() -> None:
    X = np.random.default_rng(0).standard_normal((400, 250))
    arrays = packed(X).to_arrays()
    arrays["xx"][2, 200] = 1e4
    with pytest.raises(NotPositiveDefinite, match="leading minor of order 201 is not"):
        core.factorise(core.Gram.from_arrays(arrays), 0.0, True)
    X[0, 3] = 1e200
    with pytest.raises(ValueError, match="column 3 are not finite"):
        core.factorise(packed(X), 1.0, True)
