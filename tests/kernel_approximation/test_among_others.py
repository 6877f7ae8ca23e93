"""Maps to kernel features where users put them: unions, column transformers, pipelines, files of models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union

import esker
from esker.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    OrthogonalRandomFeatures,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from esker.linear_model import Ridge
from esker.preprocessing import StandardScaler

MAPS = [
    RBFSampler(n_components=5, random_state=0),
    OrthogonalRandomFeatures(n_components=5, random_state=0),
    SkewedChi2Sampler(n_components=5, random_state=0, skewedness=20.0),
    Nystroem(n_components=5, random_state=0),
    PolynomialCountSketch(n_components=5, random_state=0),
]
BY_NAME = pytest.mark.parametrize("step", MAPS, ids=lambda step: type(step).__name__)


def rows(n: int = 200, d: int = 4) -> Any:
    return np.random.default_rng(0).exponential(size=(n, d))


@BY_NAME
def test_unions_and_column_transformers(step: Any) -> None:
    X = rows()
    alone = clone(step).fit_transform(X)
    union = make_union(clone(step), AdditiveChi2Sampler(sample_steps=1))
    np.testing.assert_array_equal(union.fit_transform(X)[:, :5], alone)
    assert len(union.get_feature_names_out()) == 9
    parts = make_column_transformer((clone(step), [0, 1]), ("passthrough", [2, 3]))
    np.testing.assert_array_equal(parts.fit_transform(X)[:, :5], clone(step).fit_transform(X[:, :2]))


@BY_NAME
def test_pandas_in_and_out(step: Any) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows(), columns=list("abcd"), index=np.arange(200) + 7)
    made = clone(step).set_output(transform="pandas").fit_transform(frame)
    assert list(made.index) == list(frame.index)
    assert list(made.columns) == [f"{type(step).__name__.lower()}{i}" for i in range(5)]
    with pytest.raises(ValueError, match="feature names"):
        clone(step).fit(frame).transform(frame[list("badc")])


@BY_NAME
def test_search_over_parameters(step: Any) -> None:
    X = rows()
    search = GridSearchCV(
        make_pipeline(clone(step), Ridge()), {f"{type(step).__name__.lower()}__n_components": [3, 20]}, cv=3
    )
    assert search.fit(X, X[:, 0] * X[:, 1]).best_estimator_.predict(X).shape == (200,)


@BY_NAME
def test_pipelines_stream_and_are_saved(step: Any, tmp_path: Any) -> None:
    X = rows(2000)
    y = X[:, 0] * X[:, 1]
    model = make_pipeline(StandardScaler(), clone(step), Ridge())
    model.fit(esker.open_blocks(X, target=y, block_size="20kB"))
    twin = clone(model).fit(X, y)
    np.testing.assert_allclose(model.predict(X), twin.predict(X), rtol=1e-6, atol=1e-8)
    assert model.score(esker.open_blocks(X, target=y, block_size="20kB")) == pytest.approx(model.score(X, y))
    esker.save(model, tmp_path / "model.esker")
    np.testing.assert_array_equal(esker.load(tmp_path / "model.esker").predict(X), model.predict(X))
