"""SimpleImputer: what scikit-learn's fills in, from arrays and from Blocks; sources keep gaps for it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.impute
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker.impute import SimpleImputer
from esker.linear_model import Ridge
from esker.preprocessing import StandardScaler


@parametrize_with_checks([SimpleImputer()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(dtype: Any = np.float64) -> Any:
    rng = np.random.default_rng(0)
    X = rng.integers(-3, 4, (2000, 6)).astype(dtype)
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:, 2] = np.nan  # never there
    X[:, 4] = 5  # always there
    return X


def blocks_of(X: Any) -> Any:
    return esker.open_blocks(X, target=np.arange(X.shape[0]) % 2, block_size="20kB")


def whole(blocks: Any) -> Any:
    X = [block.X for block in blocks]
    assert len(X) > 1
    assert {x.shape[1] for x in X} == {blocks.n_columns}
    return sparse.vstack(X).toarray() if sparse.issparse(X[0]) else np.concatenate(X)


STRATEGIES: list[dict[str, Any]] = [
    {},
    {"strategy": "most_frequent"},
    {"strategy": "constant"},
    {"strategy": "constant", "fill_value": -1},
]


@pytest.mark.filterwarnings("ignore:Skipping features")
@pytest.mark.parametrize("options", STRATEGIES)
@pytest.mark.parametrize("add_indicator", [False, True])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("kind", ["float64", "float32", "csr", "-9"])
def test_as_scikit_learn(options: dict[str, Any], add_indicator: bool, keep: bool, kind: str) -> None:
    X = rows("float32" if kind == "float32" else "float64")
    options = {**options, "add_indicator": add_indicator, "keep_empty_features": keep}
    if kind == "-9":
        X[np.isnan(X)] = -9
        options["missing_values"] = -9
    if kind == "csr":
        X = sparse.csr_array(X)
    theirs = sklearn.impute.SimpleImputer(**options).fit(X)
    ours = SimpleImputer(**options).fit(blocks_of(X))
    np.testing.assert_allclose(
        np.asarray(ours.statistics_, float), np.asarray(theirs.statistics_, float), rtol=1e-5
    )
    made, expected = whole(ours.transform(blocks_of(X))), theirs.transform(X)
    expected = expected.toarray() if sparse.issparse(expected) else expected
    np.testing.assert_allclose(made, expected, rtol=1e-5)
    mine = ours.transform(X)  # arrays go scikit-learn's way
    np.testing.assert_allclose(mine.toarray() if sparse.issparse(mine) else mine, expected, rtol=1e-5)


def test_columns_left_out_are_said() -> None:
    X = rows()
    with pytest.warns(UserWarning, match=r"Skipping features without any observed values: \[2\]"):
        made = SimpleImputer().fit(blocks_of(X)).transform(blocks_of(X))
    assert made.n_columns == 5


def test_files_keep_gaps_for_it(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    csv = pytest.importorskip("pyarrow.csv")
    X, rng = np.delete(rows(), 2, axis=1), np.random.default_rng(0)
    table = pa.table({f"c{j}": pa.array(x, from_pandas=True) for j, x in enumerate(X.T)})
    table = table.append_column("n", pa.array([None if k == 0 else int(k) for k in rng.integers(0, 4, 2000)]))
    table = table.append_column("y", pa.array(rng.normal(size=2000)))
    parquet.write_table(table, tmp_path / "t.parquet")
    csv.write_csv(table, tmp_path / "t.csv")
    frame = table.to_pandas()
    expected = sklearn.impute.SimpleImputer().fit(frame.drop(columns="y"))
    for source in (tmp_path / "t.parquet", tmp_path / "t.csv", frame):
        blocks = esker.open_blocks(source, target="y", block_size="20kB")
        with pytest.raises(ValueError, match=r"is missing in column|must be finite"):
            list(blocks)
        imputer = SimpleImputer().fit(blocks)
        np.testing.assert_allclose(imputer.statistics_, expected.statistics_)
        assert imputer.feature_names_in_.tolist() == [*(f"c{j}" for j in range(5)), "n"]
        through = esker.open_blocks(source, target="y", block_size="20kB", features=[imputer])
        np.testing.assert_allclose(whole(through), expected.transform(frame.drop(columns="y")))
        assert through.feature_names == list(imputer.feature_names_in_)
        model = make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(blocks)
        twin = make_pipeline(SimpleImputer(), StandardScaler(), Ridge())
        twin.fit(frame.drop(columns="y"), frame["y"])
        np.testing.assert_allclose(model[-1].coef_, twin[-1].coef_, rtol=1e-8)
        assert model.score(blocks) == pytest.approx(twin.score(frame.drop(columns="y"), frame["y"]))
        with pytest.raises(ValueError, match=r"is missing in column|must be finite"):
            list(blocks)  # for others gaps are errors still


def test_what_needs_a_whole_column_is_refused() -> None:
    blocks = blocks_of(rows())
    for strategy in ("median", np.nanmax):
        with pytest.raises(ValueError, match="needs all values of a column at once"):
            SimpleImputer(strategy=strategy).fit(blocks)
    X = np.where(np.arange(6000) % 7 == 0, np.nan, np.arange(6000.0)).reshape(-1, 2)
    some = blocks_of(X).with_missing().sample(1000).take_all().X  # the way out that the refusal names
    middle = SimpleImputer(strategy="median").fit(some)
    np.testing.assert_allclose(middle.statistics_, np.nanmedian(some, axis=0))
    assert not np.isnan(whole(middle.transform(blocks_of(X)))).any()
    with pytest.raises(ValueError, match="NaN or infinity in row"):
        SimpleImputer(missing_values=-9).fit(blocks)  # NaN is none of its missing values
    with pytest.raises(ValueError, match="missing_values == 0"):
        SimpleImputer(missing_values=0).fit(blocks_of(sparse.csr_array(np.eye(2000))))
    with pytest.raises(ValueError, match="is a number or nan"):
        SimpleImputer(missing_values="?").fit(blocks)
    with pytest.raises(TypeError, match="takes arrays"):
        SimpleImputer(add_indicator=True).fit(blocks).inverse_transform(blocks)


def test_too_many_values_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esker.impute.MOST_VALUES", 100)
    X = np.random.default_rng(0).normal(size=(2000, 2))
    with pytest.raises(ValueError, match="column 0 has more than 100"):
        SimpleImputer(strategy="most_frequent").fit(blocks_of(X))
