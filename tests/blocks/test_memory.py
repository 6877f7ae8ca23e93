"""Sizes as users write them, and the promise of max_memory measured in a child process."""

import numpy as np
import pytest
from tests.memory_peak import rows_and_peak

from esker.blocks.memory import Budget, block_rows, parse_size, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("256MB", 256 * 10**6),
        ("1.5 gib", 3 * 2**29),
        (".5k", 500),
        ("7 TB", 7 * 10**12),
        (10.0, 10),
        ("2MiB", 2**21),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "bad", ["", "MB", "1.2.3MB", "-1MB", "1XB", 0, -1, True, float("nan"), float("inf"), "0MB", "1IB"]
)
def test_what_is_no_size(bad):
    with pytest.raises(ValueError, match="max_memory must be"):
        parse_size(bad)


def test_sizes_for_people():
    assert [show_size(n) for n in (0, 999, 1000, 9_949, 10_000, 999_499, 10**6, 10**15)] == [
        "0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "1000 TB",
    ]  # fmt: skip


def test_budget():
    assert Budget.of(None) == Budget(None, 16 * 10**6, 2)
    for memory in (10**6, 48 * 10**6, 10**9):
        budget = Budget.of(memory)
        assert (budget.depth + 1) * budget.block_bytes <= memory / 2
    assert Budget.of("10MB", "4MB").depth == 1
    with pytest.raises(ValueError, match=r"two blocks of block_size=6.0 MB exceed max_memory=10 MB"):
        Budget.of("10MB", "6MB")


def test_rows_of_a_block_are_units_or_panels():
    budget = Budget.of(None)
    assert [block_rows(b, budget) % 4096 for b in (1, 40, 1200, 3900)] == [0] * 4
    assert block_rows(4 * 10_000, budget) == 256
    assert block_rows(4 * 2000, budget) == 16 * 10**6 // 8000 // 256 * 256


OPENING = """
import esker, esker.folds
from esker.blocks import open_blocks
path, memory, kind = sys.argv[1:]
blocks = open_blocks(path, max_memory=memory)
"""
WORK = """
if kind == "fold":
    blocks.fold(esker.folds.Moments())
else:
    for epoch in (0, 1):
        for block in blocks.visits(epoch, seed=0): block.X[block.order[:100]].sum()
rows = blocks.n_rows
"""


@pytest.mark.parametrize("kind", ["fold", "visits"])
@pytest.mark.parametrize("order", ["C", "F", "i8"])
def test_max_memory_is_kept(tmp_path, order, kind):
    n, d = 150_000, 40  # 24 MB as float32, 48 MB as int64
    X = np.random.default_rng(0).integers(0, 9, size=(n, d))
    np.save(tmp_path / "x.npy", X if order == "i8" else np.asarray(X, dtype="f4", order=order))
    memory = 12 if kind == "fold" else 36 if order != "i8" else 60
    rows, peak = rows_and_peak(OPENING, WORK, tmp_path / "x.npy", f"{memory}MB", kind)
    assert rows == n
    assert peak <= memory * 10**6
