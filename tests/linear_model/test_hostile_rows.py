"""Sparse rows whose indices lead out of the matrix are refused before anything follows them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import esker
from esker.linear_model import Ridge, SGDClassifier, SGDRegressor

MODELS = (Ridge, SGDRegressor, SGDClassifier)
TARGET = np.array([0.0, 1.0, 0.0])


def spoilt(indices, indptr=(0, 1, 2, 3), kind=np.int32):
    x = sparse.csr_array((3, 4))
    x.data, x.indices, x.indptr = np.ones(3), np.array(indices, kind), np.array(indptr, kind)
    return x


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("indices", [(0, 1, 9), (0, -1, 2), (0, 1, 2**31 - 1), (0, -(2**31), 1)])
@pytest.mark.parametrize("model", MODELS)
def test_columns_that_do_not_exist(model, indices, kind):
    x, rng = spoilt(indices, kind=kind), np.random.default_rng(0)
    fitted = model().fit(rng.standard_normal((50, 4)), np.arange(50) % 2.0)
    classes = {"classes": [0, 1]} if model is SGDClassifier else {}
    for act in (
        lambda: model().fit(x, TARGET),
        lambda: model().partial_fit(x, TARGET, **classes),
        lambda: fitted.predict(x),
        lambda: fitted.score(x, TARGET),
    ):
        with pytest.raises(ValueError, match="must lie within its shape"):
            act()


@pytest.mark.parametrize("indptr", [(0, 1, 2, 5), (0, 2, 1, 3), (-1, 1, 2, 3), (0, 1, 2**31 - 1, 3)])
@pytest.mark.parametrize("model", MODELS)
def test_row_starts_that_do_not_ascend(model, indptr):
    with pytest.raises(ValueError, match="must lie within its shape"):
        model().fit(spoilt((0, 1, 2), indptr), TARGET)


def test_rows_of_csc_that_do_not_exist():
    x = sparse.csc_array((3, 4))
    x.data, x.indices, x.indptr = (
        np.ones(3),
        np.array([0, 1, 9], np.int32),
        np.array([0, 1, 2, 3, 3], np.int32),
    )
    with pytest.raises(ValueError, match="must lie within its shape"):
        Ridge().fit(x, TARGET)
    with pytest.raises(ValueError, match="must lie within its shape"):
        esker.open_blocks(x)


def test_a_tuple_is_not_a_batch():
    with pytest.raises(ValueError, match=r"one batch alone is \[\(X, y\)\]"):
        esker.open_blocks((sparse.csr_array(np.eye(3)), TARGET))


@pytest.mark.parametrize("model", MODELS)
def test_weights_that_are_zero_in_every_row_of_a_data_set(model):
    x, y = np.random.default_rng(0).standard_normal((40, 3)), np.arange(40) % 2.0
    with pytest.raises(ValueError, match="zero in every row"):
        model().fit(esker.open_blocks([(x, y, np.zeros(40))]))
