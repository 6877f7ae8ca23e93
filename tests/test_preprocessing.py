"""StandardScaler and MaxAbsScaler: scikit-learn's results, exact far from zero, lazy on Blocks, in pipelines that stream."""

from __future__ import annotations

import pickle
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.preprocessing
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import esker
from esker._native import threads
from esker.impute import SimpleImputer
from esker.linear_model import Ridge, SGDClassifier
from esker.preprocessing import MaxAbsScaler, StandardScaler


@parametrize_with_checks([StandardScaler(), MaxAbsScaler()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(n: int = 3000, d: int = 5, dtype: Any = np.float64, gaps: bool = False) -> Any:
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(n, d)) * (1 + np.arange(d)) + 1e4 * np.arange(d)).astype(dtype)
    X[:, 1] = 7
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
    return X


def blocks_of(X: Any, **options: Any) -> Any:
    return esker.open_blocks(X, target=np.arange(X.shape[0]) % 2, block_size="20kB", **options)


def whole(blocks: Any) -> Any:
    X = [block.X for block in blocks]
    assert len(X) > 1
    return sparse.vstack(X) if sparse.issparse(X[0]) else np.concatenate(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("flags", [(True, True), (True, False), (False, True), (False, False)])
def test_as_scikit_learn(dtype: Any, gaps: bool, flags: tuple[bool, bool]) -> None:
    X = rows(dtype=dtype, gaps=gaps)
    options = {"with_mean": flags[0], "with_std": flags[1]}
    theirs = sklearn.preprocessing.StandardScaler(**options).fit(X)
    for ours in (StandardScaler(**options).fit(X), StandardScaler(**options).fit(blocks_of(X))):
        for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
            got, want = getattr(ours, name), getattr(theirs, name)
            assert (got is None) == (want is None), name
            if want is not None:
                np.testing.assert_allclose(got, want, rtol=1e-9)
                assert np.shape(got) == np.shape(want)
        # scikit-learn rounds float32 rows twice; the exact values are those of float64.
        exact = (
            sklearn.preprocessing.StandardScaler(**options).fit(X.astype(float)).transform(X.astype(float))
        )
        assert ours.transform(X).dtype == dtype
        np.testing.assert_allclose(ours.transform(X), exact, rtol=1e-6, atol=1e-6)
        if not gaps:
            made = whole(ours.transform(blocks_of(X)))
            assert made.dtype == dtype
            np.testing.assert_array_equal(made, ours.transform(X))
            back = whole(ours.inverse_transform(ours.transform(blocks_of(X))))
            np.testing.assert_allclose(back, X, rtol=1e-5)


def test_exact_far_from_zero() -> None:
    X = rows(20_000, dtype=np.float32)
    exact = X.astype(np.longdouble)
    scaler = StandardScaler().fit(blocks_of(X))
    np.testing.assert_allclose(scaler.mean_, exact.mean(axis=0).astype(float), rtol=1e-14)
    np.testing.assert_allclose(scaler.var_, exact.var(axis=0).astype(float), rtol=1e-11, atol=1e-20)
    assert scaler.scale_[1] == 1  # a constant column is left alone


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 600), min_size=1, max_size=4),
    st.integers(0, 2**31),
    st.booleans(),
    st.booleans(),
)
def test_partial_fit_in_any_cut(cuts: list[int], seed: int, weighted: bool, csr: bool) -> None:
    rng = np.random.default_rng(seed)
    n = sum(cuts)
    X = np.where(rng.random((n, 3)) < 0.6, 0, rng.normal(size=(n, 3)) + np.array([0, 100, -5]))
    X[rng.random(X.shape) < 0.1] = np.nan
    w = rng.integers(0, 4, n).astype(float) if weighted else None
    if w is not None:
        w[0] = w[np.cumsum(cuts)[:-1]] = 1  # a piece without any weight is refused
        X[0] = 1
    data = sparse.csr_array(X) if csr else X
    scaler, begin = StandardScaler(with_mean=False), 0
    for size in cuts:
        span = slice(begin, begin + size)
        scaler.partial_fit(data[span], sample_weight=None if w is None else w[span])
        begin += size
    weight, mean, var = weighted_moments(X, w)
    np.testing.assert_allclose(scaler.n_samples_seen_, weight if np.ptp(weight) else weight[0])
    np.testing.assert_allclose(scaler.mean_, mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaler.var_, var, rtol=1e-10, atol=1e-12)


def weighted_moments(X: Any, w: Any) -> tuple[Any, Any, Any]:
    """Of each column over its values, the plain way."""
    there = ~np.isnan(X)
    W = there * (np.ones(len(X)) if w is None else w)[:, np.newaxis]
    X = np.where(there, X, 0)
    weight = W.sum(axis=0)
    safe = np.where(weight > 0, weight, 1)
    mean = (W * X).sum(axis=0) / safe
    return weight, mean, (W * (X - mean) ** 2).sum(axis=0) / safe


def test_weights_of_blocks() -> None:
    X, w = rows(), np.random.default_rng(1).random(3000)
    ours = StandardScaler().fit(blocks_of(X, weight=w))
    weight, mean, var = weighted_moments(
        X, w
    )  # scikit-learn's variance of the constant column falls below zero
    np.testing.assert_allclose(ours.mean_, mean)
    np.testing.assert_allclose(ours.scale_, np.where(np.arange(5) == 1, 1, np.sqrt(var)))
    assert ours.n_samples_seen_ == pytest.approx(weight[0])
    with pytest.raises(ValueError, match="brings its weights with it"):
        StandardScaler().fit(blocks_of(X), sample_weight=w)


def test_sparse_rows() -> None:
    X = sparse.random_array((4000, 30), density=0.1, format="csr", rng=np.random.default_rng(0))
    for step in (StandardScaler(with_mean=False), MaxAbsScaler()):
        twin = getattr(sklearn.preprocessing, type(step).__name__)(**step.get_params()).fit(X)
        step.fit(blocks_of(X))
        np.testing.assert_allclose(step.scale_, twin.scale_, rtol=1e-12)
        made = whole(step.transform(blocks_of(X)))
        assert abs(made - twin.transform(X)).max() < 1e-12
        assert abs(whole(step.inverse_transform(step.transform(blocks_of(X)))) - X).max() < 1e-12
    with pytest.raises(ValueError, match="Cannot center sparse matrices"):
        StandardScaler().fit(blocks_of(X))
    with pytest.raises(ValueError, match="Cannot center sparse matrices"):
        StandardScaler().fit(X)


def test_a_text_file_widens_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.svm"
    path.write_text("".join(f"{i % 2} 1:{i}\n" for i in range(50)) + "1 1:1 9:4\n")
    scaler = StandardScaler(with_mean=False).fit(esker.open_blocks(path))
    assert scaler.n_features_in_ == len(scaler.mean_)
    last = scaler.n_features_in_ - 1
    assert scaler.mean_[last] == pytest.approx(4 / 51)
    assert scaler.var_[last] == pytest.approx(np.var([0.0] * 50 + [4.0]))


def test_max_abs() -> None:
    X = rows(gaps=True)
    theirs = sklearn.preprocessing.MaxAbsScaler().fit(X)
    ours = MaxAbsScaler().fit(blocks_of(X))
    np.testing.assert_array_equal(ours.max_abs_, theirs.max_abs_)
    np.testing.assert_array_equal(ours.scale_, theirs.scale_)
    assert ours.n_samples_seen_ == theirs.n_samples_seen_ == 3000
    ours.partial_fit(blocks_of(3 * X))
    np.testing.assert_array_equal(ours.max_abs_, 3 * theirs.max_abs_)
    assert ours.n_samples_seen_ == 6000
    clipped = MaxAbsScaler(clip=True).fit(rows())
    assert abs(whole(clipped.transform(blocks_of(2 * rows())))).max() == 1


def test_the_same_bits_for_any_threads() -> None:
    X = rows(30_000, gaps=True)
    fits = []
    for n in (1, 2, 3):
        with threads(n):
            fits.append(StandardScaler().fit(X))
    assert len({f.var_.tobytes() + f.mean_.tobytes() for f in fits}) == 1


def test_missing_values_are_errors_unless_filled_in() -> None:
    blocks = blocks_of(rows(gaps=True))
    scaler = StandardScaler().fit(blocks)
    with pytest.raises(ValueError, match=r"NaN or infinity in row \d+, column .*SimpleImputer"):
        whole(scaler.transform(blocks))
    X = rows()
    X[3, 2] = np.inf
    with pytest.raises(ValueError, match="got infinity in row 3, column 2"):
        StandardScaler().fit(blocks_of(X))


def test_pipelines_stream_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(6000, 4)) * [1, 10, 100, 1000] + [0, 50, 0, 1e4]
    y = (X @ [1, 0.1, 0.01, 0.001] > 15).astype(int)
    np.save(tmp_path / "X.npy", X)
    blocks = esker.open_blocks(tmp_path / "X.npy", target=y, block_size="30kB")
    model = make_pipeline(StandardScaler(), Ridge(alpha=2.0)).fit(blocks)
    expected = make_pipeline(StandardScaler(), Ridge(alpha=2.0)).fit(X, y)
    np.testing.assert_allclose(model.predict(blocks), expected.predict(X), rtol=1e-9)
    assert model.score(blocks) == pytest.approx(expected.score(X, y))
    classes = make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(blocks)
    assert classes.score(blocks) > 0.95
    fitted = esker.open_blocks(tmp_path / "X.npy", target=y, block_size="30kB", features=[model[0]])
    np.testing.assert_allclose(model[1].predict(fitted), model.predict(X), rtol=1e-9)


@pytest.mark.parametrize("what", ["cursor", "batches", "tables", "reader"])
def test_what_a_function_makes_is_walked_whole_by_each_step(what: str) -> None:
    # The walk that `open_blocks` begins belongs to one of the copies that steps make, and not to each of them.
    X, y = rows(9000, 3, gaps=True), np.arange(9000.0)
    if what == "cursor":
        db = sqlite3.connect(":memory:")
        db.execute("CREATE TABLE t (a, b, c, y)")
        whole = np.column_stack([X, y]).tolist()
        db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", whole)  # NaN is NULL there
        blocks = esker.open_blocks(lambda: db.execute("SELECT * FROM t"), target="y")
    elif what == "batches":
        blocks = esker.open_blocks(lambda: ((X[i : i + 500], y[i : i + 500]) for i in range(0, 9000, 500)))
    else:
        pa = pytest.importorskip("pyarrow")
        table = pa.table({**{name: X[:, j] for j, name in enumerate("abc")}, "y": y})
        source = (lambda: table.to_reader(500)) if what == "reader" else (lambda: iter(table.to_batches(500)))
        blocks = esker.open_blocks(source, target="y")
    next(iter(blocks.with_missing()))  # a walk that is left after its beginning
    model = make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(blocks)
    wanted = make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(X, y)
    np.testing.assert_allclose(model[-1].coef_, wanted[-1].coef_, rtol=1e-9)
    assert model.score(blocks) == pytest.approx(wanted.score(X, y))


def test_the_way_is_named() -> None:
    X = rows()
    with pytest.raises(NotFittedError, match="is fitted first, on blocks"):
        esker.open_blocks(X, target=np.arange(3000) % 2, features=[StandardScaler()])
    once = esker.open_blocks(iter([(X, X[:, 0])]))
    with pytest.raises(ValueError, match="can be read only once"):
        StandardScaler().fit_transform(once)
    with pytest.raises(ValueError, match=r"5 features, but StandardScaler|expecting 5 features"):
        whole(StandardScaler().fit(X).transform(blocks_of(X[:, :3])))
    with pytest.raises(ValueError, match="copy= is for arrays"):
        StandardScaler().fit(X).transform(blocks_of(X), copy=True)


def test_names_of_columns() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows(), columns=list("abcde"))
    scaler = StandardScaler().fit(blocks_of(frame))
    assert scaler.feature_names_in_.tolist() == list("abcde")
    assert scaler.transform(blocks_of(frame)).feature_names == list("abcde")
    with pytest.raises(ValueError, match="feature names should match"):
        scaler.transform(blocks_of(frame.rename(columns={"a": "z"})))
    again = pickle.loads(pickle.dumps(scaler.set_output(transform="pandas")))
    assert again.transform(frame).columns.tolist() == list("abcde")
    assert len(whole(again.transform(blocks_of(frame)))) == 3000


def test_names_through_a_pipeline_are_scikit_learns() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows(), columns=list("abcde"))
    blocks = esker.open_blocks(frame, target=frame["a"].to_numpy())
    for ours, names in (
        (make_pipeline(SimpleImputer(), StandardScaler(), Ridge()), []),
        (
            make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).set_output(transform="pandas"),
            list("abcde"),
        ),
    ):
        ours.fit(blocks)
        twin = clone(ours).fit(frame, frame["a"])
        for one in (ours, twin):
            assert one[0].feature_names_in_.tolist() == list("abcde")
            assert [list(getattr(step, "feature_names_in_", [])) for step in one[1:]] == [names, names]
        np.testing.assert_allclose(ours.predict(frame), twin.predict(frame))  # without a warning
        np.testing.assert_allclose(ours.predict(blocks), twin.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        ours.predict(esker.open_blocks(frame[list("bacde")]))
    for output, names in (("pandas", list("abcde")), ("default", [])):
        step = StandardScaler().set_output(transform=output).fit(frame)
        cut, _ = esker.open_blocks(frame, target=frame["a"].to_numpy(), features=step).split(0.2)
        assert cut.feature_names == list("abcde")
        assert list(getattr(Ridge().fit(cut), "feature_names_in_", [])) == names


def test_what_can_be_read_once_is_written_first(tmp_path: Path) -> None:
    # The way out that the refusal names.
    def once() -> Any:
        return iter([(rows(), np.arange(3000.0))])

    model = make_pipeline(StandardScaler(), Ridge())
    with pytest.raises(ValueError, match="write_block_file"):
        model.fit(esker.open_blocks(once()))
    with pytest.raises(ValueError, match="write_block_file"):
        esker.open_blocks(once(), cache="auto")
    esker.blocks.write_block_file(esker.open_blocks(once()), tmp_path / "a.esk")
    assert model.fit(esker.open_blocks(tmp_path / "a.esk")).n_features_in_ == 5


def test_a_foreign_step_in_features_is_refused_by_name() -> None:
    for step in (sklearn.preprocessing.StandardScaler(), sklearn.preprocessing.StandardScaler().fit(rows())):
        with pytest.raises(TypeError, match="scikit-learn's StandardScaler; use esker's own"):
            esker.open_blocks(rows(), features=step)
    kept = make_pipeline(StandardScaler()).fit(rows())  # a Pipeline of esker's steps streams
    np.testing.assert_array_equal(
        esker.open_blocks(rows(), features=kept).take_all().X, kept.transform(rows())
    )
