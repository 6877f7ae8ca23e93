"""Records: columns of texts and numbers that are cut, gathered and drawn as the rows of any block."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esker.blocks import Block, open_blocks
from esker.blocks.buffer import recut
from esker.blocks.records import Records, Strings

texts = st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=30)


@given(texts, texts, st.integers(0, 30), st.integers(0, 30))
def test_strings_are_lists(a, b, begin, end):
    both = Strings.concat([Strings.of(a), Strings.of(b)])
    assert both.tolist() == a + b
    assert both[begin:end].tolist() == (a + b)[begin:end]
    rows = np.arange(len(a + b))[::-1]
    assert both.take(rows).tolist() == (a + b)[::-1]


@given(st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=30))
def test_coded_strings(rows):
    names = ["x", "", "yé"]
    plain = Strings.of(names)
    codes = np.array([0 if r is None else r for r in rows], np.int32)
    coded = Strings(plain.data, plain.offsets, np.array([r is None for r in rows], bool), codes)
    expected = [None if r is None else names[r] for r in rows]
    assert coded.tolist() == coded.decoded().tolist() == expected
    assert coded[1:3].tolist() == expected[1:3]
    assert Strings.concat([coded, coded]).tolist() == expected * 2


def test_blocks_of_records_are_recut():
    def piece(first, n):
        names = Strings.of([f"t{i}" for i in range(first, first + n)])
        return Block(Records({"t": names, "i": np.arange(first, first + n)}), first_key=first)

    blocks = list(recut(iter([piece(0, 3), piece(3, 4), piece(7, 1)]), lambda _: 4))
    assert [len(b) for b in blocks] == [4, 4]
    assert [t for b in blocks for t in b.X.columns["t"].tolist()] == [f"t{i}" for i in range(8)]
    assert [b.keys.tolist() for b in blocks] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert blocks[0].nbytes > 0


def test_features_takes_transformers_only():
    for bad in (3, [], dict):
        with pytest.raises((TypeError, ValueError), match="features="):
            open_blocks(np.eye(3), features=bad)


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(3)
    towns = np.array(["Ulm", "Köln", "Bonn"])[rng.integers(0, 3, 500)]
    lines = [f"{t},{x:.3f},{int(t == 'Ulm')}" for t, x in zip(towns, rng.normal(size=500))]
    (tmp_path / "t.csv").write_text("town,x,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "t.csv"


def test_a_pipeline_learns_from_records(table):
    pytest.importorskip("pyarrow")
    from sklearn.pipeline import make_pipeline

    from esker.feature_extraction import TableHasher
    from esker.linear_model import SGDClassifier

    step = TableHasher(numeric=["x"], categorical=["town"], n_features=256)
    model = make_pipeline(step, SGDClassifier(max_iter=2, tol=None, random_state=0))
    blocks = open_blocks(table, target="y", records=True)
    assert blocks.describe()["records"].keys() == {"town", "x"}
    model.fit(blocks)
    assert model.score(open_blocks(table, target="y", records=True)) == 1
    straight = SGDClassifier(max_iter=2, tol=None, random_state=0).fit(
        open_blocks(table, target="y", features=step)
    )
    np.testing.assert_array_equal(model[-1].coef_, straight.coef_)


def test_records_where_they_have_no_effect(table):
    with pytest.raises(ValueError, match="cache="):
        open_blocks(table, records=True, cache="auto")
    with pytest.raises(ValueError, match="makes numbers of texts"):
        open_blocks(np.eye(3), records=True)
    with pytest.raises(ValueError, match="must be True or False"):
        open_blocks(table, records="yes")
