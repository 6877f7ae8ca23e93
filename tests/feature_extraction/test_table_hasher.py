"""TableHasher: the plain-Python oracle, scikit-learn's FeatureHasher, the same matrix from every kind of table."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction import FeatureHasher
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from tests.feature_extraction.table_oracle import table_hash

import esker
from esker._native import core, threads
from esker.blocks.records import Records, Strings
from esker.feature_extraction import TableHasher
from esker.impute import SimpleImputer
from esker.linear_model import SGDClassifier
from esker.preprocessing import StandardScaler


def rows_of(made: Any) -> list[dict[int, float]]:
    """A CSR matrix as {place: value} a row, ids ascending."""
    rows = []
    for i in range(made.shape[0]):
        span = slice(made.indptr[i], made.indptr[i + 1])
        ids = made.indices[span].tolist()
        assert ids == sorted(set(ids))
        rows.append(dict(zip(ids, made.data[span].tolist())))
    return rows


def same(made: Any, expected: list[dict[int, float]]) -> None:
    """Equal but for explicit zeros and rounding of sums."""
    for got, want in zip(rows_of(made), expected, strict=True):
        assert got.keys() == want.keys()
        for place, value in want.items():
            assert got[place] == pytest.approx(value, rel=1e-12, abs=1e-12)


numbers = st.one_of(
    st.none(),
    st.just(0.0),
    st.integers(-(2**53), 2**53).map(float),
    st.floats(-1e300, 1e300, allow_nan=False),
    st.sampled_from([1e-7, 1e16, 1.5e16, 123456.789, 1e22, 5e-324, 2.0**-0.25, 2.0**0.75, -0.0]),
)
texts = st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["", "a", "é", "日本", "x" * 600]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(numbers, numbers, texts, texts), min_size=1, max_size=40),
    st.sampled_from([1, 7, 64, 1000, 2**20, 2**31 - 1]),
    st.booleans(),
    st.booleans(),
)
def test_oracle(rows: list[Any], n_features: int, binned: bool, signed: bool) -> None:
    columns = {name: [r[j] for r in rows] for j, name in enumerate(("n", "größe", "s", "site"))}
    crosses = [("s", "site"), ("site", "s"), ("n", "s", "größe")]
    hasher = TableHasher(
        numeric=["n", "größe"],
        categorical=["s", "site"],
        crosses=crosses,
        n_features=n_features,
        numeric_bins="log" if binned else None,
        alternate_sign=signed,
        dtype="float64",
    )
    # Columns of their kind even where every value is missing.
    table = {c: Strings.of(v) if c in ("s", "site") else np.array(v, float) for c, v in columns.items()}
    expected = table_hash(columns, ["n", "größe"], ["s", "site"], crosses, n_features, binned, signed)
    same(hasher.transform(table), expected)


@pytest.mark.parametrize("n_features", [2**10, 1000, 2**31 - 1])
def test_feature_hasher_gives_the_same_matrix(n_features: int) -> None:
    rng = np.random.default_rng(0)
    table = {
        "x": rng.normal(size=500),
        "k": rng.integers(0, 40, 500).astype(str),
        "s": rng.choice(["a", "bb"], 500),
    }
    table["x"][::7] = 0
    made = TableHasher(n_features=n_features, alternate_sign=True, dtype=np.float64).transform(table)
    rows = [dict(zip(table, row)) for row in zip(*(c.tolist() for c in table.values()))]
    theirs = FeatureHasher(n_features).transform(rows)
    np.testing.assert_array_equal(made.indptr, theirs.indptr)
    np.testing.assert_array_equal(made.indices, theirs.indices)
    np.testing.assert_allclose(made.data, theirs.data, rtol=1e-14)


def test_log_bins_are_exact_at_their_edges() -> None:
    for b in range(-4296, 4096):
        # The quarter powers as float64 has them; their neighbours below belong to the bin before.
        x = float(np.ldexp([1.0, 2**0.25, 2**0.5, 2**0.75][b % 4], b // 4))
        if x >= np.finfo(float).tiny:
            assert core.log_bin(x) == core.log_bin(-x) == b
            assert core.log_bin(float(np.nextafter(x, 0))) == b - 1
    assert core.log_bin(5e-324) == -4296


def flights(n: int = 3000) -> dict[str, list[Any]]:
    rng = np.random.default_rng(1)
    hour = rng.integers(0, 24, n)
    distance = np.round(rng.lognormal(5, 2, n), 2)
    carrier = [None if k == 3 else f"c{k}" for k in rng.integers(0, 12, n)]
    delay = [None if gone else float(x) for x, gone in zip(rng.normal(size=n).round(3), rng.random(n) < 0.1)]
    return {
        "hour": hour.tolist(),
        "distance": distance.tolist(),
        "carrier": carrier,
        "delay": delay,
        "late": [bool(k) for k in rng.integers(0, 2, n)],
        "y": rng.integers(0, 2, n).tolist(),
    }


FLIGHTS = {
    "numeric": ["distance", "delay"],
    "categorical": ["carrier", "hour", "late"],
    "crosses": [("carrier", "hour")],
    "numeric_bins": "log",
}


def expected_flights(table: dict[str, list[Any]], n_features: int = 2**20) -> list[dict[int, float]]:
    crosses = FLIGHTS["crosses"]
    return table_hash(table, FLIGHTS["numeric"], FLIGHTS["categorical"], crosses, n_features, binned=True)


def matrix(blocks: Any) -> Any:
    return blocks.take_all().X


def test_every_kind_of_table_gives_the_same_ids(tmp_path: Path) -> None:
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = flights()
    hasher, expected = TableHasher(**FLIGHTS), expected_flights(table)
    frame, arrow = pd.DataFrame(table), pa.table(table)
    parquet.write_table(arrow, tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    coded = frame.astype({"carrier": "category", "hour": "category", "delay": "float64"})
    tables = [table, frame, arrow, coded, frame.convert_dtypes(), frame.to_records(index=False)]
    polars = pytest.importorskip("polars")
    for X in [*tables, polars.DataFrame(table)]:
        same(hasher.transform(X), expected)
    for path in ("t.parquet", "t.csv"):
        if path == "t.csv":  # "true" is a text of pandas' that Arrow reads as a boolean
            assert "True" in (tmp_path / path).read_text()
        blocks = esker.open_blocks(tmp_path / path, target="y", features=hasher, block_size=20_000)
        same(matrix(blocks), expected)
        assert blocks.n_columns == 2**20
        assert blocks.is_sparse
    same(matrix(esker.open_blocks(frame, target="y", features=hasher)), expected)
    same(matrix(esker.open_blocks(coded, target="y", features=hasher)), expected)


def test_neither_blocks_nor_threads_change_bits(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = flights(9000)
    parquet.write_table(pa.table(table), tmp_path / "t.parquet", row_group_size=2000)
    hasher = TableHasher(
        numeric=["distance", "delay"], categorical=["carrier"], n_features=16, alternate_sign=True
    )
    whole = hasher.transform(table)
    for size in (10_000, 300_000, None):
        made = matrix(esker.open_blocks(tmp_path / "t.parquet", target="y", features=hasher, block_size=size))
        for a, b in ((whole.data, made.data), (whole.indices, made.indices), (whole.indptr, made.indptr)):
            np.testing.assert_array_equal(a, b)
    for n in (1, 2, 3):
        with threads(n):
            made = hasher.transform(table)
        assert made.data.tobytes() == whole.data.tobytes()
        assert made.indices.tobytes() == whole.indices.tobytes()


def test_types_decide_and_fit_remembers(tmp_path: Path) -> None:
    table = {"a": ["x", None], "b": [1.5, 2.0]}
    hasher = TableHasher(n_features=2**10)
    same(hasher.transform(table), table_hash(table, ["b"], ["a"], [], 2**10))
    assert hasher.fit(table) is hasher
    assert (hasher.numeric_, hasher.categorical_) == (["b"], ["a"])
    with pytest.raises(ValueError, match="column 'b' of numeric= holds texts"):
        hasher.transform({"a": ["x"], "b": ["1.5"]})
    with pytest.raises(ValueError, match="needs column 'a', and the columns are 'b'"):
        hasher.transform({"b": [1.5]})


def test_only_the_columns_needed_are_read(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"a": ["x", "y"], "nested": [[1], [2]], "n": [1.0, 2.0], "y": [0, 1]})
    parquet.write_table(table, tmp_path / "t.parquet")
    hasher = TableHasher(categorical="a", crosses=[("a", "n")], n_features=2**10)
    seen = []

    class Watched(TableHasher):
        def _hash(self, records: Records, *more: Any) -> Any:
            seen.append(list(records.columns))
            return super()._hash(records, *more)

    blocks = esker.open_blocks(tmp_path / "t.parquet", target="y", features=Watched(**hasher.get_params()))
    assert matrix(blocks).shape == (2, 2**10)
    assert seen == [["a", "n"]]
    with pytest.raises(ValueError, match=r"needs column 'site', and the columns are 'a', 'nested', 'n'$"):
        esker.open_blocks(tmp_path / "t.parquet", target="y", features=TableHasher(categorical=["site"]))
    with pytest.raises(ValueError, match="needs column 'y'"):  # the target is no feature
        esker.open_blocks(tmp_path / "t.parquet", target="y", features=TableHasher(categorical=["y"]))
    parquet.write_table(table.drop_columns(["a"]), tmp_path / "u.parquet")
    with pytest.raises(ValueError, match="column 'a' is missing"):
        esker.open_blocks([tmp_path / "t.parquet", tmp_path / "u.parquet"], target="y", features=hasher)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_features": 0}, "n_features must be an integer of at least 1"),
        ({"n_features": 2**31}, r"below 2\*\*31"),
        ({"numeric_bins": "linear"}, "numeric_bins must be one of None, 'log'"),
        ({"alternate_sign": 1}, "alternate_sign must be True or False"),
        ({"dtype": "int8"}, "dtype must be float32 or float64"),
        ({"crosses": [("a",)]}, "two or more different columns"),
        ({"crosses": [("a", "a")]}, "two or more different columns"),
        ({"numeric": ["a"], "categorical": ["a"]}, "'a' is listed twice"),
        ({"categorical": ["a"], "numeric_bins": "log"}, "numeric_bins= has no effect"),
        ({"categorical": []}, "name no column"),
        ({"categorical": [3]}, "takes|names of columns, got 3"),
        ({"crosses": [("a", "zzz")]}, "needs column 'zzz', and the columns are 'a', 'b'"),
    ],
)
def test_parameters_are_checked(options: dict[str, Any], message: str) -> None:
    table = {"a": ["x", "y"], "b": [1.0, 2.0]}
    with pytest.raises(ValueError, match=message):
        TableHasher(**options).transform(table)
    with pytest.raises(ValueError, match=message):
        TableHasher(**options).fit(table)


def test_bad_values_are_named() -> None:
    hasher = TableHasher(n_features=2**10)
    for bins in (None, "log"):
        with pytest.raises(ValueError, match=r"column 'b' holds .* in row 1 of a block"):
            hasher.set_params(numeric_bins=bins).transform({"b": [1.0, np.inf]})
    with pytest.raises(ValueError, match="column 'b' holds infinity in row 1"):
        TableHasher(categorical=["b"]).transform({"b": [1.0, -np.inf]})
    with pytest.raises(ValueError, match="dates"):
        hasher.transform({"d": np.array(["2026-01-01"], "datetime64[D]")})
    with pytest.raises(ValueError, match="equally long"):
        hasher.transform({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(ValueError, match="1D array"):
        hasher.transform(np.ones(3))
    with pytest.raises(ValueError, match="0 sample"):
        hasher.transform({"a": []})
    codes = np.array([5], np.int32)
    with pytest.raises(ValueError, match="has no text"):
        hasher.transform({"a": Strings(np.zeros(1, np.uint8), np.array([0, 1]), None, codes)})
    with pytest.raises(ValueError, match="leave its texts"):
        hasher.transform({"a": Strings(np.zeros(1, np.uint8), np.array([0, 9]))})


def test_scikit_learn_conventions() -> None:
    hasher = TableHasher(categorical=["a"], crosses=[("a", "b")], n_features=2**12)
    again = pickle.loads(pickle.dumps(clone(hasher)))
    assert again.get_params() == hasher.get_params()
    assert repr(hasher) == "TableHasher(categorical=['a'], crosses=[('a', 'b')], n_features=4096)"
    table = {"a": ["x"], "b": [3]}
    assert (again.fit_transform(table) != hasher.transform(table)).nnz == 0


def test_all_ones_share_no_bytes_of_values_with_signs() -> None:
    table = {"a": [f"k{i}" for i in range(200)]}
    ones = TableHasher(n_features=2**20).transform(table)
    assert ones.dtype == np.float32
    assert (ones.data == 1).all()
    signed = TableHasher(n_features=2**20, alternate_sign=True).transform(table)
    assert set(signed.data.tolist()) == {-1.0, 1.0}


@parametrize_with_checks([TableHasher(n_features=2**10)])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_estimators_refuse_tables_by_the_way_out(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table(flights()), tmp_path / "t.parquet")
    hasher = TableHasher(**FLIGHTS)
    records = esker.open_blocks(tmp_path / "t.parquet", target="y", features=hasher).inner
    assert records.holds_records
    model = SGDClassifier(random_state=0)
    for act in (model.fit, StandardScaler(with_mean=False).fit, SimpleImputer().fit):
        with pytest.raises(ValueError, match=r"takes rows of numbers, .* features=esker"):
            act(records)
    pipeline = make_pipeline(hasher, StandardScaler(with_mean=False), model).fit(records)
    with pytest.raises(ValueError, match=r"SGDClassifier takes rows of numbers, .* features=esker"):
        model.predict(records)
    assert pipeline.score(records) > 0.5
    through = esker.open_blocks(tmp_path / "t.parquet", target="y", features=list(pipeline[:-1]))
    np.testing.assert_array_equal(model.predict(through), pipeline.predict(records))


def test_classes_are_found_without_hashing(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table(flights()), tmp_path / "t.parquet")
    rows = []

    class Counting(TableHasher):
        def _hash(self, records: Records, *more: Any) -> Any:
            rows.append(len(records))
            return super()._hash(records, *more)

    blocks = esker.open_blocks(tmp_path / "t.parquet", target="y", features=Counting(**FLIGHTS))
    assert np.concatenate(list(blocks.labels())).tolist() == flights()["y"]
    assert rows == []
    model = SGDClassifier(max_iter=1, tol=None, random_state=0).fit(blocks)
    assert model.classes_.tolist() == [0, 1]
    assert sum(rows) == 3000
