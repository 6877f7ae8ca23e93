"""Patterns, folders and streams: which files, in which order, and what is said where there are none."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import sys

import numpy as np
import pytest

from esker import FormatError, open_blocks


@pytest.fixture
def folder(tmp_path):
    """Parts 1, 2 and 10, with what jobs leave beside them."""
    for n in (10, 2, 1):
        (tmp_path / f"part-{n}.svm").write_text(f"{n} 1:{n}\n")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".part-1.svm.crc").write_bytes(b"\0")
    (tmp_path / "_old.svm").write_text("99 1:1\n")
    return tmp_path


def labels(source, **options):
    return np.concatenate([b.y for b in open_blocks(source, **options)]).tolist()


def test_folders_and_patterns_in_natural_order(folder):
    assert labels(folder) == labels(str(folder)) == [1, 2, 10]
    assert labels(folder / "part-*.svm") == labels(str(folder / "*.svm")) == [1, 2, 10]
    assert labels(folder / "part-1*.svm") == [1, 10]
    assert labels(folder / "part-[2-9].svm") == [2]
    assert labels([folder / "part-2.svm", folder / "part-1?.svm"]) == [2, 10]
    assert labels(folder / "**" / "part-?.svm") == [1, 2]


def test_other_files_in_a_folder(folder):
    (folder / "README.md").write_text("what this is")
    assert labels(folder) == [1, 2, 10]
    with pytest.raises(FormatError, match=r"README\.md"):
        labels(folder, format="svmlight")
    (folder / "part-3").write_bytes(gzip.compress(b"3 1:3\n"))
    os.remove(folder / "README.md")
    assert labels(folder, format="svmlight") == [1, 2, 3, 10]
    np.save(folder / "x.npy", np.zeros((2, 2)))
    with pytest.raises(ValueError, match="of one format, got svmlight, svmlight, svmlight, npy"):
        open_blocks(folder)


def test_a_name_with_a_star_or_bracket_that_exists_is_that_file(folder):
    for name in ("part-[2].svm", "part*.svm"):
        (folder / name).write_text("7 1:7\n")
        assert labels(folder / name) == [7]


def test_nothing_found(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=rf"no file matches the pattern '{tmp_path}/\*\.svm' in the folder {tmp_path}$",
    ):
        open_blocks(tmp_path / "*.svm")
    with pytest.raises(FileNotFoundError, match="gone, which does not exist"):
        open_blocks(tmp_path / "gone" / "*.svm")
    with pytest.raises(FileNotFoundError, match="holds no files"):
        open_blocks(tmp_path)
    (tmp_path / "notes.what").write_text("?")
    with pytest.raises(FormatError, match="no file in the folder is of a known format"):
        open_blocks(tmp_path)


TEXT = b"".join(b"%d 1:%d 7:0.5\n" % (i % 2, i) for i in range(10_000))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_stream_is_read_once(pack):
    blocks = open_blocks(io.BytesIO(pack(TEXT)), format="svmlight")
    assert not blocks.rereadable
    block = blocks.take_all()
    assert block.X.sum() == sum(range(10_000)) + 5000
    assert blocks.n_rows == 10_000
    with pytest.raises(ValueError, match="has been read already"):
        list(blocks)


def test_standard_input(monkeypatch):
    class Input:
        buffer = io.BytesIO(b"1 |a b\n-1 |a c\n")

    monkeypatch.setattr(sys, "stdin", Input())
    (block,) = open_blocks("-", format="vw")
    assert block.y.tolist() == [1, -1]


def test_a_pipe_that_gives_a_little_at_a_time():
    read, write = os.pipe()
    pid = os.fork() if hasattr(os, "fork") and sys.platform != "darwin" else None
    if pid is None:
        pytest.skip("no fork")
    if pid == 0:  # the child writes, in pieces that end in the middle of lines
        for i in range(0, len(TEXT), 777):
            os.write(write, TEXT[i : i + 777])
        os._exit(0)
    os.close(write)
    with open(read, "rb", buffering=0) as stream:
        assert sum(map(len, open_blocks(stream, format="svmlight"))) == 10_000
    os.waitpid(pid, 0)


def test_what_a_stream_takes():
    with pytest.raises(
        ValueError, match=r"does not tell its format: pass format= one of .*svmlight.*, got None"
    ):
        open_blocks(io.BytesIO(TEXT))
    with pytest.raises(ValueError, match="got 'parquet'"):
        open_blocks(io.BytesIO(TEXT), format="parquet")
    with pytest.raises(TypeError, match="open it in binary mode"):
        open_blocks(io.StringIO("1 1:2"), format="svmlight")
    with pytest.raises(FormatError, match="no rows"):
        list(open_blocks(io.BytesIO(b""), format="svmlight"))


def test_a_stream_whose_labels_begin_late():
    text = b"1 |a b\n" * 300_000 + b"|a c\n"
    with pytest.raises(FormatError, match="label") as caught:
        list(open_blocks(io.BytesIO(text), format="vw"))
    assert caught.value.line == 300_001
