"""Packed sums are the whole ones, number for number, and what they cannot do is refused."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from esker._native import core, threads
from esker.blocks import Block
from esker.folds import Gram

STORAGES = pytest.mark.parametrize("storage", ["dense32", "dense64", "csr32", "csr64", "filled64"])
#: One block row, a little more, several with a narrow last one.
WIDTHS = [1, 95, 192, 193, 500]


def rows(storage: str, n: int, d: int, targets: int = 2, seed: int = 0) -> Block:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + rng.standard_normal(d) * 10
    if not storage.startswith("dense"):
        X *= rng.random((n, d)) < (0.6 if storage.startswith("filled") else 0.03)
    X = X.astype(f"float{storage[-2:]}")
    weight = rng.integers(0, 3, n).astype(float)
    return Block(
        X if storage.startswith("dense") else sparse.csr_array(X), rng.standard_normal((n, targets)), weight
    )


def cut(block: Block, begin: int, end: int) -> Block:
    return Block(block.X[begin:end], block.y[begin:end], block.sample_weight[begin:end])


def summed(state: Gram, *blocks: Block) -> Gram:
    for block in blocks:
        state.update(block)
    return state


def same(one: Gram, other: Gram, rounding: float = 0.0) -> None:
    scale = np.sqrt(np.maximum(other.finish().diagonal(), 1e-300))
    assert np.abs((one.finish() - other.finish()) / np.outer(scale, scale)).max() <= rounding
    for name in ("xy", "yy", "mean_x", "mean_y"):
        a, b = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(a, b, rtol=rounding, atol=rounding * np.abs(b).max())
    assert (one.weight, one.rows) == (other.weight, other.rows)


@STORAGES
@pytest.mark.parametrize("d", WIDTHS)
def test_packed_sums_have_the_bits_of_whole_ones(storage: str, d: int) -> None:
    block = rows(storage, 700, d, targets=1 + 39 * (d == 193))
    # Few dense columns are summed whole by a kernel of their own, in another order.
    thin = storage.startswith("dense") and d <= 128
    rounding = 0.0 if not thin else 3e-7 if storage.endswith("32") else 1e-14
    same(summed(Gram(packed=d), block), summed(Gram(), block), rounding)


@STORAGES
@settings(deadline=None, max_examples=6)
@given(cuts=st.lists(st.integers(0, 600), max_size=4), seed=st.integers(0, 3))
def test_any_cut_of_the_rows_and_any_storage_merges(storage: str, cuts: list[int], seed: int) -> None:
    block = rows(storage, 600, 230, seed=seed)
    rng = np.random.default_rng(seed)
    total = Gram(packed=230)
    for begin, end in itertools.pairwise([0, *sorted(cuts), 600]):
        total.merge(summed(Gram(packed=230 * int(rng.integers(2))), cut(block, begin, end)))
    rounding = 3e-6 if storage.endswith("32") else 1e-11
    same(total, summed(Gram(), block), rounding)
    whole = summed(Gram(), cut(block, 0, 200))
    whole.merge(summed(Gram(packed=230), cut(block, 200, 600)))
    same(whole, total, rounding)


def test_forgotten_rows_leave_the_others() -> None:
    block = rows("dense64", 900, 400)
    state = summed(Gram(packed=400), block)
    state.forget(summed(Gram(), cut(block, 600, 900)))
    state.forget(summed(Gram(packed=400), cut(block, 500, 600)))
    same(state, summed(Gram(), cut(block, 0, 500)), 1e-12)


def test_sparse_blocks_that_end_early_and_float32_columns_that_drift() -> None:
    block = rows("csr64", 500, 300)
    early = Block(block.X[:, :250], block.y, block.sample_weight)
    wide = Block(
        sparse.csr_array((early.X.data, early.X.indices, early.X.indptr), (500, 300)),
        block.y,
        block.sample_weight,
    )
    same(summed(Gram(packed=300), early, block), summed(Gram(), wide, block), 1e-12)
    trend = np.linspace(-1, 1, 3000)[:, None] * 1.7e4
    X = (np.random.default_rng(0).standard_normal((3000, 200)) + trend).astype(np.float32)
    same(
        summed(Gram(packed=200), Block(X, X[:, :1].astype(float))),
        summed(Gram(), Block(X, X[:, :1].astype(float))),
        1e-13,
    )


def test_same_bits_for_any_number_of_threads_and_after_pickling() -> None:
    block, found = rows("dense32", 5000, 450), set()
    for n in (1, 2, 4):
        with threads(n):
            state = summed(Gram(packed=450), block)
        for s in (state, pickle.loads(pickle.dumps(state))):
            assert s.packed
            found.add(b"".join(a.tobytes() for a in s.to_arrays().values()))
    assert len(found) == 1


def test_what_packed_sums_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="packed sums of 30 columns cannot be widened to 40"):
        summed(Gram(packed=30), rows("dense64", 50, 40))
    with pytest.raises(ValueError, match="cannot be widened"):
        Gram(packed=30).widen(31)
    state = summed(Gram(packed=30), rows("dense64", 50, 30))
    core.factorise(state._state, 1.0, True)
    for work in (
        state.finish,
        state.to_arrays,
        lambda: state.merge(Gram()),
        lambda: state.finite,
        lambda: state.update(rows("dense64", 9, 30)),
    ):
        with pytest.raises(ValueError, match="took the place of these packed sums"):
            work()
    with pytest.raises(ValueError, match="needs X'X whole"):
        core.enet_paths(
            [state._state, state._state],
            [0, 0],
            np.ones((2, 1)),
            [1.0, 1.0],
            None,
            True,
            1e-4,
            9,
            False,
            False,
            0,
        )
