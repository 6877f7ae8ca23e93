"""Block files read into shuffle buffers: the same buffers as of the same rows in memory, to the bit, wherever pages and buffers end."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from esker import open_blocks
from esker.blocks import BlockFile, write_block_file

N = 9_000


def source(kind, seed=0):
    """X, y and weights: rows of very different lengths, some of none."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 40, N) * (rng.random(N) < 0.8)
    lengths[2000:2600] = 150
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    ids = np.concatenate([np.sort(rng.choice(300, k, replace=False)) for k in lengths]).astype(np.int32)
    data = rng.standard_normal(len(ids)).astype(np.float64 if kind == "float64" else np.float32)
    x = sp.csr_array((data, ids, indptr), shape=(N, 300))
    if kind == "dense":
        x = x[:, :20].toarray()
    y = np.array(["no", "so", "yes"])[rng.integers(0, 3, N)] if kind == "labels" else rng.standard_normal(N)
    return x, y, rng.random(N) if kind == "weighted" else None


def visited(blocks, epoch, **options):
    """What a learner sees: for each buffer its rows in memory, and their order."""
    found = []
    for b in blocks.visits(epoch, seed=5, **options):
        at = np.arange(len(b)) if b.order is None else b.order
        x = b.X if isinstance(b.X, np.ndarray) else b.X.toarray()
        weight = None if b.sample_weight is None else b.sample_weight[at]
        found.append((x[at], b.y[at], b.keys[at], weight))
    return found


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a, b)


class Copied(BlockFile):
    """The same file, read by blocks of its rows that are copied, as other sources are."""

    def __init__(self, path):
        super().__init__(path)
        self.fills = False

    def fill(self, *args, **kwargs):
        return 0


@pytest.mark.parametrize("kind", ["float32", "float64", "dense", "labels", "weighted"])
@pytest.mark.parametrize("page", [None, 8_000])
def test_buffers_are_those_of_copied_rows(tmp_path, monkeypatch, kind, page):
    if page:
        monkeypatch.setattr("esker.blocks.block_rows.PAGE_BYTES", page)
    x, y, weight = source(kind)
    write_block_file(open_blocks(x, target=y, weight=weight), tmp_path / "a.esk")
    ours, theirs = BlockFile(tmp_path / "a.esk"), Copied(tmp_path / "a.esk")
    rows = open_blocks(x, target=y, weight=weight)
    assert len(ours.stored[0].rows.pages) > (20 if page else 1)
    for numbers in (3_000, 40_000):
        monkeypatch.setattr("esker.blocks.order.SPARSE_NUMBERS", numbers)
        for options in ({}, {"shuffle_rows": 700}, {"shuffle_rows": 4096}, {"start": 3}, {"shuffle": False}):
            for epoch in (0, 1):
                found = visited(ours, epoch, **options)
                same(found, visited(theirs, epoch, **options))
                if epoch and options.get("shuffle", True):
                    same(found, visited(rows, epoch, **options))


def test_buffers_go_over_the_ends_of_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("esker.blocks.order.SPARSE_NUMBERS", 30_000)
    x, y, _ = source("labels")
    cuts, paths = [0, 3001, 3002, 7000, N], []
    for begin, end in pairwise(cuts):
        paths.append(tmp_path / f"{begin}.esk")
        target = np.where(y[begin:end] == "no", "none", y[begin:end]) if begin == 3002 else y[begin:end]
        write_block_file(open_blocks(x[begin:end], target=target), paths[-1])
    for epoch in (0, 1):
        found = visited(BlockFile(paths), epoch)
        same(found, visited(Copied(paths), epoch))
        assert sum(len(b[1]) for b in found) == N
        assert {label for b in found for label in b[1]} == {"no", "none", "so", "yes"}


def test_no_more_than_a_unit_is_read_to_be_copied(tmp_path, monkeypatch):
    """Rows with NaN are checked block by block, and so never placed."""
    x, y, _ = source("dense")
    x[5000, 3] = np.nan
    write_block_file(open_blocks(x, target=y).with_missing(), tmp_path / "a.esk")
    blocks = BlockFile(tmp_path / "a.esk").with_missing()
    read = BlockFile.read_rows

    def counted(self, part, begin, end, pool=None):
        assert end - begin <= 4096
        return read(self, part, begin, end, pool)

    monkeypatch.setattr(BlockFile, "read_rows", counted)
    for epoch in (0, 1):
        assert sum(len(b[1]) for b in visited(blocks, epoch)) == N


@pytest.mark.parametrize("kind", ["float32", "labels", "dense"])
@pytest.mark.parametrize("page", [None, 8_000])
def test_labels_alone(tmp_path, monkeypatch, kind, page):
    if page:
        monkeypatch.setattr("esker.blocks.block_rows.PAGE_BYTES", page)
    x, y, _ = source(kind)
    write_block_file(open_blocks(x, target=y), tmp_path / "a.esk")
    blocks = BlockFile(tmp_path / "a.esk")
    for begin, end in [(0, 1), (0, N), (4095, 4097), (8999, N), (256, 512), (300, 8000)]:
        np.testing.assert_array_equal(blocks.labels_of(blocks.parts[0], begin, end), y[begin:end])


def test_labels_of_many_targets_and_none(tmp_path):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((5000, 3)), rng.standard_normal((5000, 40))
    write_block_file(open_blocks(x, target=y), tmp_path / "many.esk")
    blocks = BlockFile(tmp_path / "many.esk")
    np.testing.assert_array_equal(blocks.labels_of(blocks.parts[0], 4000, 4500), y[4000:4500])
    write_block_file(open_blocks(x), tmp_path / "none.esk")
    blocks = BlockFile(tmp_path / "none.esk")
    assert blocks.labels_of(blocks.parts[0], 0, 10) is None


def test_a_page_that_says_nonsense_of_its_labels_is_said_to_be_damaged(tmp_path):
    x, y, _ = source("float32")
    path = tmp_path / "a.esk"
    write_block_file(open_blocks(x, target=y), path)
    raw = bytearray(path.read_bytes())
    raw[int(BlockFile(path).stored[0].rows.pages[0][0])] = 77  # the number of its sections
    path.write_bytes(raw)
    blocks = BlockFile(path)
    with pytest.raises(ValueError, match=r"page 0 .*damaged: expected checksum"):
        blocks.labels_of(blocks.parts[0], 0, 10)
    with pytest.raises(ValueError, match=r"page 0 .*damaged: expected checksum"):
        list(blocks.visits(0, seed=0))
