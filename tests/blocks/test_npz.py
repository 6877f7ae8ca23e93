""".npz files: what numpy.savez and scipy.sparse.save_npz wrote."""

import numpy as np
import pytest
import scipy.sparse as sp
from tests.blocks.rows import together

from esker._errors import FormatError
from esker.blocks import open_blocks

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(9000, 3)), RNG.integers(0, 2, 9000), RNG.random(9000)
FEW = np.where(X > 1, X, 0)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_named_arrays(tmp_path, save):
    path = tmp_path / "t.npz"
    save(path, X=X, y=Y, sample_weight=W, other=-Y)
    blocks = open_blocks(path)
    np.testing.assert_array_equal(together(blocks), X)
    np.testing.assert_array_equal(together(blocks, "y"), Y)
    np.testing.assert_array_equal(together(blocks, "sample_weight"), W)
    np.testing.assert_array_equal(together(open_blocks(path, target="other"), "y"), -Y)
    np.testing.assert_array_equal(together(open_blocks(path, target=Y + 1), "y"), Y + 1)
    with pytest.raises(ValueError, match="target='z' is no array of the file; it has X, other"):
        open_blocks(path, target="z")
    save(path, X)
    np.testing.assert_array_equal(together(open_blocks(path)), X)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_sparse_matrices(tmp_path, kind):
    path = tmp_path / "t.npz"
    sp.save_npz(path, sp.csr_array(FEW).asformat(kind))
    blocks = open_blocks(path, target=Y)
    assert blocks.is_sparse
    np.testing.assert_array_equal(np.concatenate([b.X.toarray() for b in blocks]), FEW)
    np.testing.assert_array_equal(together(blocks, "y"), Y)


def test_bad_files(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, X=X, y=Y)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"t.npz: not a whole .npz file"):
        open_blocks(path)
    np.savez(path, a=X, b=Y)
    with pytest.raises(FormatError, match=r"an array X was expected, got a, b; save it as numpy.savez"):
        open_blocks(path)
    np.savez(path, X=X.astype(object))
    with pytest.raises(FormatError, match="an array holds Python objects"):
        open_blocks(path)
    np.savez_compressed(path, X=np.zeros((10**6, 2)))
    with pytest.raises(ValueError, match=r"takes 16 MB unpacked, and max_memory is 8.0 MB"):
        open_blocks(path, max_memory="8MB")
    with pytest.raises(ValueError, match="a source of its own, got 2"):
        open_blocks([path, path])
