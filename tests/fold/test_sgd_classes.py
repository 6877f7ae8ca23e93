"""Groups of one-vs-rest models whose tables have records of the features that came: to the bit those of all columns."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from esker.blocks import Block
from esker.folds import Sgd, SgdClasses, SgdGroup

CLASSES, COLUMNS = 40, 3000


def rows(n=400, seed=0, columns=COLUMNS, index=np.int32, dtype=np.float32):
    """Rows of a few columns, the first ones often, in no order; most columns never come."""
    rng = np.random.default_rng(seed)
    each = [rng.permutation(rng.geometric(0.01, 12) % columns) for _ in range(n)]
    each = [np.unique(e)[np.random.default_rng(i).permutation(len(np.unique(e)))] for i, e in enumerate(each)]
    ends = np.r_[0, np.cumsum([len(e) for e in each])]
    indices = np.concatenate(each)
    data = rng.standard_normal(len(indices)).astype(dtype)
    X = sparse.csr_array((data, indices.astype(index), ends.astype(index)), shape=(n, columns))
    y = (indices[ends[:-1]] % CLASSES).astype(np.float64)
    return X, y, rng.integers(0, 3, n).astype(np.float64)


def members(loss="log_loss", step="auto", l1=0.0, l2=0.0):
    scale = "feature" if step in ("auto", "normalized") else "raw"
    return [
        Sgd(loss, np.arange(a, a + 20), np.full(20, 0.3), np.full(20, l1), np.full(20, l2), classes=True, step=step, penalty_scale=scale)
        for a in (0, 20)
    ]  # fmt: skip


def same(a, b):
    for x, y in zip(a.finish(), b.finish()):
        assert x.tobytes() == y.tobytes()


@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
@pytest.mark.parametrize(
    ("step", "l1", "l2"),
    [
        ("auto", 0, 0),
        ("auto", 1e-3, 1e-2),
        ("plain", 1e-3, 1e-2),
        ("adagrad", 0, 1e-2),
        ("normalized", 0, 1e-2),
        ("ftrl", 1e-3, 0),
        ("coin", 0, 0),
    ],
)
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_bits_are_those_of_a_group_with_all_columns(loss, step, l1, l2, index):
    X, y, weight = rows(index=index)
    order = np.random.default_rng(1).permutation(len(y))
    whole = SgdGroup(members(loss, step, l1, l2), range(CLASSES))
    block = Block(X, y, weight, order=order)
    whole.update(block)
    for cuts in ([0, 400], [0, 1, 2, 90, 91, 400]):
        some = SgdClasses(members(loss, step, l1, l2), range(CLASSES))
        for begin, end in pairwise(cuts):
            some.update_rows(block, begin, end)
        same(some, whole)
        assert some.cols == COLUMNS
        assert some.members[0].cols == 1 + len(np.unique(X.indices)) < COLUMNS / 2
        assert some.nbytes < whole.nbytes / 2
        other = Block(*rows(seed=5)[:2])  # with columns that never came
        for mine, theirs in zip(some.row_losses(other, apart=True), whole.row_losses(other, apart=True)):
            assert np.asarray(mine).tobytes() == np.asarray(theirs).tobytes()
        for mine, theirs in zip(some.evaluate(other), whole.evaluate(other)):
            assert np.asarray(mine).tobytes() == np.asarray(theirs).tobytes()


def test_averages_wider_blocks_and_dense_rows():
    X, y, _ = rows()
    wide = rows(seed=1, columns=2 * COLUMNS)[0]
    groups = [kind(members(), range(CLASSES)) for kind in (SgdGroup, SgdClasses)]
    for group in groups:
        group.set_average(1)
        group.update(Block(X, y))
        group.update(Block(wide, y))
        group.update(Block(X[:50].toarray(), y[:50]))
        group.update(Block(X[:3], y[:3]))
    same(*groups)
    same(*(g.averaged() for g in groups))
    dense = [kind(members(), range(CLASSES)) for kind in (SgdGroup, SgdClasses)]
    for group in dense:
        group.update(Block(X[:, :70].toarray(), y))
        group.update(Block(X[:, :70], y))
    same(*dense)


def test_copies_selections_and_arrays_go_on_to_the_bit():
    X, y, _ = rows()
    more = Block(*rows(seed=3)[:2])
    whole, some = (kind(members(), range(CLASSES)) for kind in (SgdGroup, SgdClasses))
    for group in (whole, some):
        group.update(Block(X, y))
    assigned = SgdClasses(members(), range(CLASSES))
    assigned.update(more)
    assigned.assign(some)
    again = [some.copy(), SgdClasses.from_arrays(some.to_arrays()), assigned]
    lanes = [1, 5, 19, 33]
    for group in (whole, some, *again):
        group.update(more)
        same(group, whole)
        same(group.select(lanes), whole.select(lanes))
    np.testing.assert_array_equal(some.finish(np.float32)[0], whole.finish()[0].astype(np.float32))
    single = SgdClasses(members(), range(CLASSES))
    single.update(more)
    with pytest.raises(ValueError, match="in another order"):
        some.merge(single)


@pytest.mark.parametrize("dense", [False, True])
def test_a_fresh_group_is_the_identity_of_merge(dense):
    X, y, _ = rows()
    first, then = (Block(a[:, :70].toarray() if dense else a, y) for a in (X, rows(seed=3)[0]))
    whole = SgdGroup(members(), range(CLASSES))
    taught, fresh = (SgdClasses(members(), range(CLASSES)) for _ in range(2))
    for group in (whole, taught):
        group.update(first)
    fresh.merge(taught)
    taught.merge(SgdClasses(members(), range(CLASSES)))
    for _ in range(2):
        for group in (taught, fresh):
            same(group, whole)
            assert (group.rows, group.cols) == (whole.rows, whole.cols)
        for group in (whole, taught, fresh):
            group.update(then)


def test_merging_takes_the_columns_of_both():
    X, y, _ = rows()
    one, other, wide = (SgdClasses(members(), range(CLASSES)) for _ in range(3))
    for group in (one, other):
        group.update(Block(X, y))
    wide.widen(2 * COLUMNS)
    mean = one.copy()
    mean.merge(other)
    coef = np.pad(mean.finish()[0], ((0, 0), (0, COLUMNS)))
    other.widen(2 * COLUMNS)
    for a, b in ((one.copy(), other), (other.copy(), one)):
        a.merge(b)
        np.testing.assert_array_equal(a.finish()[0], coef)
    for a, b in ((one.copy(), wide), (wide.copy(), one)):
        a.merge(b)
        np.testing.assert_array_equal(a.finish()[0], np.pad(one.finish()[0], ((0, 0), (0, COLUMNS))))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("slots", lambda a: a + 10**8 * (a > 0)),
        ("slots", lambda a: a + (1 << 32)),
        ("slots", lambda a: -a),
        ("slots", lambda a: np.maximum(a, 1)),
        ("slots", lambda a: a.astype(np.float64)),
        ("slots", lambda a: a[None]),
        ("slots", lambda a: a[:5]),
        ("records", lambda a: np.array([1, 10**7])),
        ("records", lambda a: np.array([1, -1])),
        ("records", lambda a: np.array([2, a[1]])),
        ("records", lambda a: np.array([-1, a[1]])),
        ("records", lambda a: np.array([0, a[1]])),
        ("records", lambda a: a[:1]),
        ("0.counts", lambda a: a - [1, 0, 0]),
    ],
)
def test_arrays_that_disagree_about_records_are_refused(name, change):
    X, y, _ = rows()
    group = SgdClasses(members(), range(CLASSES))
    group.update(Block(X, y))
    arrays = group.to_arrays()
    same(SgdClasses.from_arrays(arrays), group)
    arrays[name] = change(arrays[name].astype(np.int64))
    with pytest.raises(ValueError, match=r"record|columns"):
        SgdClasses.from_arrays(arrays)


def test_groups_of_other_members_are_not_assigned():
    whole = SgdGroup(members(), range(CLASSES))
    more = SgdGroup(members() * 2, range(2 * CLASSES))
    for other in (SgdGroup(members()[:1], range(20)), more, whole.select([0, 1, 20])):
        for a, b in ((whole, other), (other, whole)):
            with pytest.raises(ValueError, match="as many lanes"):
                a.assign(b)


def test_weights_given_before_the_first_row():
    X, y, _ = rows()
    rng = np.random.default_rng(0)
    coef, intercept = rng.standard_normal((CLASSES, COLUMNS)), rng.standard_normal(CLASSES)
    groups = [kind(members(step="adagrad"), range(CLASSES)) for kind in (SgdGroup, SgdClasses)]
    for group in groups:
        group.start_from(coef, intercept, dense=False)
        group.update(Block(X, y))
    same(*groups)
