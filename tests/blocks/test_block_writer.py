"""A block file written block by block, as a cache is while a fit walks: whole at finish, or not there."""

from __future__ import annotations

import os

import numpy as np
import pytest

from esker import FormatError, open_blocks
from esker.blocks import UNIT, BlockWriter


@pytest.fixture
def source():
    X = np.random.default_rng(0).standard_normal((3 * UNIT + 9, 5))
    return open_blocks(X, target=np.arange(len(X)), block_size="100kB")


def test_whole_at_finish(tmp_path, source):
    path = tmp_path / "a.esk"
    with BlockWriter(path, source, "float32") as writer:
        for block in source:
            writer.add(block)
            assert not path.exists()
        writer.finish()
    again = open_blocks(path)
    assert again.dtype == np.float32
    assert np.array_equal(again.take_all().y, source.take_all().y)
    assert os.listdir(tmp_path) == ["a.esk"]


def test_what_is_not_finished_is_not_there(tmp_path, source):
    path = tmp_path / "a.esk"
    with BlockWriter(path, source) as writer:
        writer.add(next(iter(source)))
    assert os.listdir(tmp_path) == []
    writer.abandon()  # again: of no effect
    for use in (lambda: writer.add(next(iter(source))), writer.finish):
        with pytest.raises(ValueError, match="finished or abandoned"):
            use()


def test_an_error_abandons(tmp_path, source):
    writer = BlockWriter(tmp_path / "a.esk", source)
    first, second, *_ = source
    writer.add(first)
    with pytest.raises(ValueError, match="consecutive keys"):
        writer.add(type(second)(second.X, second.y, row_keys=second.keys[::-1].copy()))
    assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match="finished or abandoned"):
        writer.finish()


def test_no_rows_and_changed_sources_leave_nothing(tmp_path):
    text = tmp_path / "a.svm"
    text.write_text("1 1:1\n")
    source = open_blocks(text)
    writer = BlockWriter(tmp_path / "a.esk", source)
    with pytest.raises(FormatError, match="no rows"):
        writer.finish()
    writer = BlockWriter(tmp_path / "a.esk", source)
    for block in source:
        writer.add(block)
    text.write_text("1 1:2\n")
    with pytest.raises(FormatError, match="changed while it was read"):
        writer.finish()
    assert os.listdir(tmp_path) == ["a.svm"]


def test_a_finished_writer_cannot_be_abandoned(tmp_path, source):
    with BlockWriter(tmp_path / "a.esk", source) as writer:
        for block in source:
            writer.add(block)
        writer.finish()
        writer.abandon()
    assert open_blocks(tmp_path / "a.esk").n_rows == source.n_rows
