"""take_all of svmlight text: parsed straight into one matrix, which must be what the blocks together are, whatever the texts' cut."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from scipy.sparse import random as random_sparse
from sklearn.datasets import dump_svmlight_file

from esker import FormatError, open_blocks
from esker.blocks import svmlight


def random_text(rows, columns, seed):
    """Rows of about a fiftieth of the columns, values of five digits."""
    X = random_sparse(rows, columns, density=0.02, format="csr", random_state=seed)
    X.data = np.array([float(f"{v:.5g}") for v in X.data])
    file = io.BytesIO()
    dump_svmlight_file(X, np.arange(rows) % 3, file, zero_based=True)
    return file.getvalue()


def same(a, b):
    """Whether two blocks hold the same bits and keys."""
    assert a.X.shape == b.X.shape
    assert np.array_equal(a.y, b.y)
    assert np.array_equal(a.keys, b.keys)
    for name in ("data", "indices", "indptr"):
        x, y = getattr(a.X, name), getattr(b.X, name)
        assert x.dtype == y.dtype, name
        assert np.array_equal(x, y), name


@pytest.fixture(params=[1 << 12, 1 << 16, 1 << 23])
def chunk(request, monkeypatch):
    """Bytes of text at a time: arrays grow many times, a few times, never."""
    monkeypatch.setattr(svmlight, "WHOLE_CHUNK", request.param)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("packed", [False, True])
def test_equals_the_blocks_put_together(tmp_path, chunk, dtype, packed):
    # Long lines come after short ones, so that the room guessed from the first text is too small.
    values = random_text(3000, 40, seed=1) + random_text(900, 4000, seed=2)
    text = b"\xef\xbb\xbf# a comment\n\n" + values + b"1 qid:3 7:1.5 # no newline behind this"
    path = tmp_path / "rows.svmlight"
    path.write_bytes(gzip.compress(text) if packed else text)
    blocks = open_blocks(path, dtype=dtype)
    got = blocks.take_all()
    assert blocks.n_rows == 3901
    assert blocks.nnz == len(got.X.data)
    assert blocks.n_columns == got.X.shape[1]
    same(got, open_blocks(path, dtype=dtype, max_memory="1GB").take_all())
    # What the walk has noted of the file serves later walks.
    assert sum(map(len, blocks.read(blocks.parts[0], 0))) == 3901


def test_several_files_keep_their_keys(tmp_path, chunk):
    paths = []
    for i, text in enumerate((b"1 3:1\n", random_text(500, 60, seed=3), b"\n2\n3 80:4\n")):
        paths.append(tmp_path / f"{i}.svmlight")
        paths[-1].write_bytes(text)
    same(open_blocks(paths).take_all(), open_blocks(paths, max_memory="1GB").take_all())


def test_columns_beyond_int32(tmp_path):
    path = tmp_path / "wide.svmlight"
    path.write_bytes(b"1 3:1\n0 5000000000:2\n")
    got = open_blocks(path).take_all()
    assert got.X.indices.dtype == np.int64
    assert got.X.indices.tolist() == [3, 5_000_000_000]


def test_errors_name_the_line(tmp_path, chunk):
    path = tmp_path / "bad.svmlight"
    path.write_bytes(random_text(2000, 50, seed=4) + b"1 3:x\n")
    with pytest.raises(FormatError, match=r"bad\.svmlight.*number after the ':'") as caught:
        open_blocks(path).take_all()
    assert caught.value.line == path.read_bytes().count(b"\n")
    assert caught.value.column == 5
    path.write_bytes(b"# nothing\n\n")
    with pytest.raises(FormatError, match="no rows"):
        open_blocks(path).take_all()
