"""`open_blocks`: which source reads what, and files that cannot be read."""

import os
from pathlib import Path

import numpy as np
import pytest

import esker
from esker._errors import FormatError
from esker.blocks import open_blocks
from esker.blocks.sources import KINDS


@pytest.fixture
def npy(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    return tmp_path / "x.npy"


@pytest.mark.parametrize("how", [str, Path, lambda p: [str(p)], lambda p: (p,)])
def test_paths_of_every_kind(npy, how):
    assert open_blocks(how(npy)).n_rows == 3
    assert esker.open_blocks is open_blocks


def test_first_bytes_win_and_format_forces(npy, tmp_path):
    other = tmp_path / "x.data"
    npy.rename(other)
    assert open_blocks(other).n_rows == 3
    with pytest.raises(FormatError, match="not a whole Parquet file"):
        open_blocks(other, format="parquet")
    with pytest.raises(ValueError, match=r"format must be one of npy, .*, got 'arff'"):
        open_blocks(other, format="arff")
    (tmp_path / "y.data").write_bytes(b"something")
    with pytest.raises(FormatError, match="neither its first bytes nor its name tells the format"):
        open_blocks(tmp_path / "y.data")


def test_files_that_cannot_be_read(npy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.npy"):
        open_blocks(tmp_path / "gone.npy")
    (tmp_path / "empty.npy").touch()
    with pytest.raises(FormatError, match=r"empty.npy: the file is empty"):
        open_blocks(tmp_path / "empty.npy")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="of one format, got npy, csv"):
        open_blocks([npy, tmp_path / "t.csv"])


def test_no_permission(npy):
    npy.chmod(0)
    me = os.geteuid()
    if me == 0:  # root reads everything: be somebody else
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match=r"x\.npy"):
            open_blocks(npy)
    finally:
        os.seteuid(me)


def test_every_kind_has_its_opener():
    import importlib

    for kind in KINDS:
        module, name = kind.opener.split(":")
        assert callable(getattr(importlib.import_module(module), name)), kind


def test_repr_says_what_is_known(npy):
    assert repr(open_blocks(np.ones((3, 2)))) == (
        "ArrayBlocks(ndarray of shape 3 x 2: 3 rows x 2 columns, dense float64)"
    )
    assert "? rows x 2 columns" in repr(open_blocks([(np.ones((3, 2)), None)]))
