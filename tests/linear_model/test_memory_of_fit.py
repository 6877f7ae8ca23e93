"""max_memory of a learner and of open_blocks: the smaller one holds, and what cannot fit is refused before reading."""

import numpy as np
import pytest

from esker import open_blocks
from esker.linear_model import Ridge, SGDClassifier, SGDRegressor


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 30))
    np.save(tmp_path / "x.npy", np.column_stack([X, (X[:, 0] > 0).astype(float)]))
    return tmp_path / "x.npy"


@pytest.mark.parametrize("kind", [Ridge, SGDClassifier, SGDRegressor])
def test_less_than_reading_takes_is_refused(kind, path):
    with pytest.raises(ValueError, match=r"open_blocks\(\.\.\., max_memory=20000000\)"):
        kind(max_memory="20MB").fit(open_blocks(path, target=-1))


@pytest.mark.parametrize("kind", [Ridge, SGDClassifier, SGDRegressor])
def test_the_way_out_leads_out(kind, path):
    blocks = open_blocks(path, target=-1, max_memory="20MB")
    a = kind(max_memory="200MB", random_state=0).fit(blocks).coef_
    np.testing.assert_array_equal(
        a,
        kind(max_memory=20_000_000, random_state=0)
        .fit(open_blocks(path, target=-1, max_memory="20MB"))
        .coef_,
    )


def test_a_state_beyond_the_learners_memory_is_refused(path):
    np.save(path, np.random.default_rng(0).normal(size=(3000, 2500)))
    blocks = open_blocks(path, target=-1, max_memory="1GB", block_size="6MB")
    with pytest.raises(ValueError, match="max_memory is 40 MB"):
        Ridge(solver="cholesky", max_memory="40MB").fit(blocks)
