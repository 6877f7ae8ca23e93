"""The laws of states (docs/architecture.md), one test for each law, run on every state.

A new state joins by one entry in CASES. `Case` says which laws a state claims: one that steps has `exact_merge = False`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from esker import folds
from esker._native import threads
from esker.blocks import Block

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, COLUMNS = 700, 37


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], Any]
    repeats: bool = True  # an integer weight is a repetition of the row
    storages_agree: bool = True  # dense and CSR rows give the same answer
    classes: bool = False  # y are class indices
    answer: Callable[[Any], Any] = lambda state: state.finish()
    rounding32: float = 0.0  # what its products of float32 rows leave, relative to the largest number
    rounding64: float = 0.0

    def tolerance(self, storage: str, rtol: float = 1e-10) -> float:
        return max(rtol, self.rounding32 if storage.endswith("32") else self.rounding64)


def all_of_gram(state: folds.Gram) -> Any:
    return state.finish(), state.xy, state.yy, state.mean_x, state.mean_y, state.weight


def gradient(models: int) -> Case:
    def make() -> folds.Gradient:
        rng = np.random.default_rng(models)
        coef = 0.1 * rng.standard_normal((models, COLUMNS))
        return folds.Gradient(coef, rng.standard_normal(models), rng.standard_normal(COLUMNS))

    return Case(f"Gradient-{models}", make, classes=True, rounding32=1e-5 if models > 1 else 0.0)


def squares() -> folds.Gradient:
    coef = 0.1 * np.random.default_rng(9).standard_normal((1, COLUMNS))
    return folds.Gradient(coef, [0.5], np.full(COLUMNS, 0.25), loss="squared")


def sgd(loss: str, **options: Any) -> Case:
    def make() -> folds.Sgd:
        rates, targets = [0.03, 0.1, 0.3, 1.0], [0, 0, 0, 0]
        return folds.Sgd(loss, targets, rates, lane_l2=[0.0, 1e-3, 1e-3, 0.1], **options)

    name = f"Sgd-{loss}" + "".join(f"-{value}" for value in options.values())
    classes = options.get("classes", loss in ("poisson", "tweedie"))  # 0 and 1 are counts too
    return Case(name, make, storages_agree=False, classes=classes)


def sgd_classes(loss: str, **options: Any) -> Case:
    def make() -> folds.SgdClasses:
        members = [folds.Sgd(loss, lanes, [0.1, 1.0], classes=True, **options) for lanes in ([0, 1], [0, 2])]
        return folds.SgdClasses(members, range(4))

    return Case(f"SgdClasses-{loss}", make, storages_agree=False, classes=True)


CASES = [
    Case("Moments", folds.Moments),
    Case("ColumnMoments", folds.ColumnMoments),
    Case("Gram", folds.Gram, answer=all_of_gram, rounding32=3e-6, rounding64=1e-11),
    Case("RowSketch", lambda: folds.RowSketch(50, seed=3), repeats=False, rounding32=1e-6),
    Case(
        "RowSketch-odd",
        lambda: folds.RowSketch(37, seed=2**63 + 5, nonzeros=5),
        repeats=False,
        rounding32=1e-6,
    ),
    Case(
        "SketchedGram",
        lambda: folds.SketchedGram(50, seed=3),
        repeats=False,
        answer=lambda state: (*all_of_gram(state), *state.sketch.finish()),
        rounding32=3e-6,
        rounding64=1e-11,
    ),
    gradient(1),
    gradient(5),
    Case("Gradient-squared", squares),
    sgd("squared_error"),
    sgd("log_loss", classes=True),
    sgd("hinge", classes=True, penalty_scale="raw"),
    sgd("huber", loss_parameter=0.3),
    sgd("epsilon_insensitive", loss_parameter=0.1, penalty_scale="raw"),
    sgd("squared_epsilon_insensitive", loss_parameter=0.1),
    sgd("quantile", loss_parameter=0.9, penalty_scale="raw"),
    sgd("poisson"),
    sgd("tweedie", loss_parameter=1.5),
    sgd("squared_hinge", classes=True),
    sgd("modified_huber", classes=True),
    sgd("perceptron", classes=True),
    sgd("log_loss", classes=True, penalty_scale="raw", step="plain"),
    sgd("log_loss", classes=True, penalty_scale="raw", step="adagrad"),
    sgd("log_loss", classes=True, penalty_scale="raw", step="normalized"),
    sgd("squared_error", step="normalized"),
    sgd("hinge", classes=True, penalty_scale="raw", step="ftrl"),
    sgd("squared_error", penalty_scale="raw", step="plain", step_power=0.25),
    sgd_classes("hinge"),
    sgd_classes("log_loss", lane_l2=[0.0, 1e-3]),
]
states = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
exact = pytest.mark.parametrize(
    "case", [c for c in CASES if c.make().exact_merge], ids=lambda case: case.name
)
storages = pytest.mark.parametrize("storage", ["dense32", "dense64", "csr32", "csr64"])


def make_rows(
    storage: str = "dense64", rows: int = ROWS, columns: int = COLUMNS, first_key: int = 0
) -> Block:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < 0.4)
    X[:, 1] += 100.0
    dtype = np.float32 if storage.endswith("32") else np.float64
    y = (rng.random((rows, 1)) < 0.5) * 2.0 - 1.0
    weight = rng.integers(0, 4, rows).astype(np.float64)
    X = X.astype(dtype)
    return Block(
        sp.csr_array(X) if storage.startswith("csr") else X, y, sample_weight=weight, first_key=first_key
    )


def rows_of(block: Block, begin: int, end: int) -> Block:
    keys = None if block.row_keys is None else block.row_keys[begin:end]
    return Block(
        block.X[begin:end],
        block.y[begin:end],
        None if block.sample_weight is None else block.sample_weight[begin:end],
        first_key=block.first_key + begin,
        row_keys=keys,
    )


def taken(block: Block, places: np.ndarray) -> Block:
    """Rows in another order, each with its own key."""
    return Block(block.X[places], block.y[places], block.sample_weight[places], row_keys=block.keys[places])


def folded(case: Case, *blocks: Block) -> Any:
    state = case.make()
    for block in blocks:
        state.update(taught(case, block))
    return state


def taught(case: Case, block: Block) -> Block:
    return replace(block, y=(block.y > 0).astype(np.float64)) if case.classes else block


def numbers(answer: Any) -> list[np.ndarray]:
    """The arrays of an answer, in a fixed order."""
    if isinstance(answer, dict):
        return [a for name in sorted(answer) for a in numbers(answer[name])]
    if isinstance(answer, (tuple, list)):
        return [a for part in answer for a in numbers(part)]
    if hasattr(answer, "__dataclass_fields__"):
        return [a for name in answer.__dataclass_fields__ for a in numbers(getattr(answer, name))]
    return [np.asarray(answer)] if answer is not None else []


def same_bits(one: Any, other: Any) -> None:
    ones, others = numbers(one), numbers(other)
    assert len(ones) == len(others) > 0
    for a, b in zip(ones, others, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()


def same_to_rounding(one: Any, other: Any, rtol: float = 1e-10) -> None:
    ones, others = numbers(one), numbers(other)
    assert len(ones) == len(others) > 0
    for a, b in zip(ones, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1.0, np.abs(b).max(initial=0)))


@storages
@exact
def test_a_fresh_state_is_the_identity_of_merge(case: Case, storage: str) -> None:
    state = folded(case, make_rows(storage))
    left, right = case.make(), folded(case, make_rows(storage))
    left.merge(state)
    right.merge(case.make())
    same_to_rounding(case.answer(left), case.answer(state), rtol=case.tolerance(storage, 1e-13))
    same_bits(right.to_arrays(), state.to_arrays())


@exact
def test_merge_is_associative_and_commutative(case: Case) -> None:
    block = make_rows()
    a, b, c = (lambda i=i: folded(case, rows_of(block, *i)) for i in ((0, 100), (100, 450), (450, ROWS)))
    ab, ba, left, tail, right = a(), b(), a(), b(), a()
    ab.merge(b())
    ba.merge(a())
    same_to_rounding(case.answer(ab), case.answer(ba))
    left.merge(b())
    left.merge(c())
    tail.merge(c())
    right.merge(tail)
    same_to_rounding(case.answer(left), case.answer(right))


@storages
@exact
def test_split_law(case: Case, storage: str) -> None:
    block = make_rows(storage)
    whole, one, two = (
        folded(case, block),
        folded(case, rows_of(block, 0, 300)),
        folded(case, rows_of(block, 300, ROWS)),
    )
    one.merge(two)
    same_to_rounding(case.answer(one), case.answer(whole), rtol=case.tolerance(storage))


@states
def test_finish_is_pure_and_repeatable(case: Case) -> None:
    block = make_rows()
    state, silent = folded(case, rows_of(block, 0, 300)), folded(case, rows_of(block, 0, 300))
    same_bits(case.answer(state), case.answer(state))
    state.update(taught(case, rows_of(block, 300, ROWS)))
    silent.update(taught(case, rows_of(block, 300, ROWS)))
    same_bits(state.to_arrays(), silent.to_arrays())


@storages
@states
def test_arrays_round_trip_to_the_bit(case: Case, storage: str) -> None:
    block = make_rows(storage)
    state = folded(case, rows_of(block, 0, 300))
    again = type(state).from_arrays({name: a.copy() for name, a in state.to_arrays().items()})
    same_bits(again.to_arrays(), state.to_arrays())
    for s in (state, again):  # and what they learn afterwards
        s.update(taught(case, rows_of(block, 300, ROWS)))
    same_bits(case.answer(again), case.answer(state))
    fresh = type(state).from_arrays(case.make().to_arrays())
    fresh.update(taught(case, block))
    same_bits(case.answer(fresh), case.answer(folded(case, block)))


@storages
@states
def test_widening_is_zero_padding(case: Case, storage: str) -> None:
    block = make_rows(storage)
    more = 30  # crosses a tile
    wide = sp.hstack([block.X, sp.csr_array((ROWS, more), dtype=block.X.dtype)], format="csr")
    wide = wide if storage.startswith("csr") else np.ascontiguousarray(wide.toarray())
    if not case.make().exact_merge and storage.startswith("dense"):
        # Its rate is shared out among a row's columns, of which padding would make more: only what is known is padded.
        state = folded(case, block)
        coef, intercept = state.finish()
        state.widen(COLUMNS + more)
        same_bits(state.finish(), (np.pad(coef, ((0, 0), (0, more))), intercept))
        return
    padded = folded(case, replace(block, X=wide))
    narrow = folded(case, block)
    narrow.widen(COLUMNS + more)
    same_to_rounding(case.answer(narrow), case.answer(padded), rtol=case.tolerance(storage, 1e-13))
    narrow.widen(COLUMNS)  # never narrower
    same_to_rounding(case.answer(narrow), case.answer(padded), rtol=case.tolerance(storage, 1e-13))
    # half way, by the next block's width
    late = folded(case, rows_of(block, 0, 300), rows_of(replace(block, X=wide), 300, ROWS))
    same_to_rounding(case.answer(late), case.answer(padded), rtol=case.tolerance(storage, 1e-9))


@pytest.mark.parametrize("storage", ["dense32", "csr64"])
@states
def test_same_bits_for_any_number_of_threads(case: Case, storage: str) -> None:
    block = make_rows(storage, rows=5000, columns=150)
    found = []
    for n in (1, 2, 4):
        with threads(n):
            found.append(folded(case, block).to_arrays())
    same_bits(found[1], found[0])
    same_bits(found[2], found[0])


@storages
@states
@settings(deadline=None, max_examples=15)
@given(cuts=st.lists(st.integers(0, ROWS), max_size=6))
def test_any_cut_into_blocks(case: Case, storage: str, cuts: list[int]) -> None:
    block = make_rows(storage, first_key=1 << 40)
    ends = [0, *sorted(cuts), ROWS]
    cut = folded(case, *(rows_of(block, a, b) for a, b in itertools.pairwise(ends)))
    whole = folded(case, block)
    if whole.exact_merge:
        same_to_rounding(case.answer(cut), case.answer(whole), rtol=case.tolerance(storage))
    else:
        same_bits(cut.to_arrays(), whole.to_arrays())


@pytest.mark.parametrize("bits", ["32", "64"])
@states
def test_dense_and_sparse_rows_agree(case: Case, bits: str) -> None:
    if not case.storages_agree:
        pytest.skip(
            "steps on dense rows are scaled by running moments, on sparse rows by accumulated gradients"
        )
    same_to_rounding(
        case.answer(folded(case, make_rows("csr" + bits))),
        case.answer(folded(case, make_rows("dense" + bits))),
        rtol=1e-10 if bits == "64" else 1e-5,
    )


@pytest.mark.parametrize("storage", ["dense64", "csr64"])
@states
def test_an_integer_weight_is_a_repetition(case: Case, storage: str) -> None:
    block = make_rows(storage)
    if not case.repeats or not case.make().exact_merge:
        pytest.skip("a repeated row has a key, or a step, of its own")
    places = np.repeat(np.arange(ROWS), block.sample_weight.astype(int))
    repeated = Block(block.X[places], block.y[places])
    same_to_rounding(
        case.answer(folded(case, block)), case.answer(folded(case, repeated)), rtol=case.tolerance(storage)
    )


@storages
@states
def test_rows_of_weight_zero_teach_nothing(case: Case, storage: str) -> None:
    block = make_rows(storage)
    heavy = np.flatnonzero(block.sample_weight)
    one, other = folded(case, block), folded(case, taken(block, heavy))
    same_to_rounding(case.answer(one), case.answer(other), rtol=case.tolerance(storage))


@storages
@exact
def test_sums_depend_on_keys_and_not_on_order(case: Case, storage: str) -> None:
    block = make_rows(storage)
    mixed = taken(block, np.random.default_rng(1).permutation(ROWS))
    same_to_rounding(
        case.answer(folded(case, mixed)), case.answer(folded(case, block)), rtol=case.tolerance(storage)
    )


@states
def test_keys_given_one_by_one_are_the_keys(case: Case) -> None:
    block = make_rows(first_key=7)
    same_bits(folded(case, taken(block, np.arange(ROWS))).to_arrays(), folded(case, block).to_arrays())
