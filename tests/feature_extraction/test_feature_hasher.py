"""FeatureHasher against scikit-learn's, bit by bit: any samples, sums of duplicates in its order, its errors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction import FeatureHasher as Theirs
from sklearn.utils.estimator_checks import estimator_checks_generator
from tests.feature_extraction.same_matrix import same

from esker import open_blocks
from esker.blocks.records import Records, Strings
from esker.feature_extraction import FeatureHasher

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
name = text | text.map(lambda t: t.encode())
value = st.one_of(
    st.floats(allow_nan=False, width=32),
    st.integers(-5, 5),
    st.booleans(),
    text,
    st.just(0),
    st.just(np.float32(0.1)),
)
dicts = st.dictionaries(name | st.tuples(st.integers(0, 3)), text, max_size=3) | st.dictionaries(
    name, value, max_size=40
)
options = st.fixed_dictionaries(
    {
        "n_features": st.sampled_from([1, 2, 3, 64, 1000, 2**20, 2**31 - 1]),
        "alternate_sign": st.booleans(),
        "dtype": st.sampled_from([np.float64, np.float32]),
    }
)


@settings(max_examples=100, deadline=None)
@given(st.lists(dicts, min_size=1, max_size=8), options)
def test_dicts(samples, params):
    same(Theirs(**params).transform(samples), FeatureHasher(**params).transform(samples))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.tuples(name, value), max_size=60), min_size=1, max_size=5), options)
def test_pairs(samples, params):
    params = {"input_type": "pair", **params}
    same(Theirs(**params).transform(samples), FeatureHasher(**params).transform(samples))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(name, max_size=60), min_size=1, max_size=5), options)
def test_strings(samples, params):
    params = {"input_type": "string", **params}
    same(Theirs(**params).transform(samples), FeatureHasher(**params).transform(iter(samples)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_features", [3, 40, 5000])
def test_sums_of_many_duplicates_have_the_same_bits(n_features, dtype):
    rng = np.random.default_rng(0)
    samples = [
        [(f"f{i}", float(v)) for i, v in zip(rng.integers(0, 999, n), rng.normal(size=n))]
        for n in (5, 100, 3000)
    ]
    params = {"n_features": n_features, "input_type": "pair", "dtype": dtype}
    same(Theirs(**params).transform(samples), FeatureHasher(**params).transform(samples))
    sorted_already = [[("a", 0.1)] * 40, [], [("a", 1e-3)] * 3]
    same(Theirs(**params).transform(sorted_already), FeatureHasher(**params).transform(sorted_already))


class Bag:
    """A mapping that is no dict."""

    def items(self):
        return [("a", 1.5), ["b", "x"], iter(("c", 2))]


def test_other_mappings_and_dtypes():
    for params in ({}, {"dtype": np.int64}, {"dtype": np.int16, "n_features": 4}):
        same(
            Theirs(**params).transform([Bag(), {"z": 3}]),
            FeatureHasher(**params).transform([Bag(), {"z": 3}]),
        )


@pytest.mark.parametrize(
    ("kind", "samples"),
    [
        ("string", ["one text"]),
        ("string", [[3]]),
        ("string", [["a"], 5]),
        ("dict", [{3: 1.0}]),
        ("dict", [{"a": None}]),
        ("dict", [{"a": [1]}]),
        ("dict", [[("a", 1)]]),
        ("pair", [[("a",)]]),
        ("pair", [[("a", 1, 2)]]),
        ("pair", [["abc"]]),
        ("pair", [[5]]),
        ("dict", []),
        ("pair", []),
        ("dict", 5),
    ],
)
def test_errors_are_theirs(kind, samples):
    with pytest.raises(Exception) as theirs:
        Theirs(input_type=kind).transform(samples)
    with pytest.raises(type(theirs.value)) as ours:
        FeatureHasher(input_type=kind).transform(samples)
    assert str(ours.value) == str(theirs.value)


def test_empty_strings_and_parameters():
    with pytest.raises(ValueError, match="empty sequence"):
        FeatureHasher(input_type="string").transform([])
    for bad in ({"n_features": 0}, {"n_features": 2**31}, {"input_type": "x"}):
        with pytest.raises(ValueError, match="must be"):
            FeatureHasher(**bad).fit()
    assert FeatureHasher().fit() is not None


def test_tables_in_the_stream(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("site,hour,late\nnaïve,1.5,0\nb,,1\nc,0,1\n", encoding="utf-8")
    blocks = open_blocks(path, target="late", features=FeatureHasher(n_features=64))
    samples = [{"site": "naïve", "hour": 1.5}, {"site": "b"}, {"site": "c", "hour": 0.0}]
    block = blocks.take_all()
    assert (Theirs(n_features=64).transform(samples) != block.X).nnz == 0
    assert block.y.tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match="dict"):
        open_blocks(path, target="late", features=FeatureHasher(input_type="string"))
    column = Strings.of(["x", None, "x"])
    same(
        Theirs().transform([{"a": "x", "b": 1.0}, {"b": 2.0}, {"a": "x", "b": 3.0}]),
        FeatureHasher().transform(Records({"a": column, "b": np.array([1.0, 2, 3])})),
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_is_an_estimator_like_theirs():
    ours = FeatureHasher(n_features=64, input_type="string")
    again = pickle.loads(pickle.dumps(clone(ours)))
    same(ours.transform([["a", "b"]]), again.fit_transform([["a", "b"]]))
    assert not hasattr(ours, "set_output")
    assert type(ours.to_sklearn()) is Theirs
    assert ours.__sklearn_tags__() == ours.to_sklearn().__sklearn_tags__()
    for _, check in estimator_checks_generator(FeatureHasher()):
        check(FeatureHasher())
