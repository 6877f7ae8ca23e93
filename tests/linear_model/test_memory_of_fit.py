"""max_memory of a learner and of open_blocks: the smaller one holds, and what cannot fit is refused before reading."""

import numpy as np
import pytest
from tests.memory_peak import rows_and_peak

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


OPENING = """
import warnings
import numpy as np
from scipy import sparse
from esker import open_blocks
from esker.linear_model import Lasso, LinearRegression, Ridge
kind, n, d, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
rng = np.random.default_rng(0)
y = rng.standard_normal(n)
if kind.startswith("sparse"):
    X = sparse.random_array((n, d), density=float(kind[6:]), rng=rng, format="csr", dtype=np.float32)
elif kind in ("array", "forget", "alike"):
    X = rng.standard_normal((n, d)).astype(np.float32)
if kind == "alike":
    X[:, -5:] = X[:, :5]
    warnings.simplefilter("ignore")
def model(limit):
    if kind == "alike":
        return LinearRegression(max_memory=limit)
    if kind == "lasso":
        return Lasso(0.01, max_memory=limit)
    return Ridge(solver="cholesky", keep_state=True, max_memory=limit)
def rows_of(limit):
    if kind in ("npy", "lasso"):
        return open_blocks(folder + "/x.npy", target=folder + "/y.npy", max_memory=limit),
    if kind == "target":
        return open_blocks(folder + "/x.npy", target=-1, max_memory=limit),
    return X, y
Ridge(solver="cholesky").fit(rng.standard_normal((300, 150)), y[:300])  # libraries have what they keep
if kind == "forget":
    fitted = Ridge(keep_state=True).fit(X, y)
"""
WORK = """
rows = 8 * d * d
while True:  # the least that is not refused
    try:
        if kind == "forget":
            fitted.set_params(max_memory=rows).forget(X[:2000], y[:2000])
        else:
            model(rows).fit(*rows_of(rows))
        break
    except (ValueError, np.linalg.LinAlgError) as error:
        assert "max_memory" in str(error) or "two blocks" in str(error) or "rows of" in str(error), error
        rows = int(rows * (1.15 if kind == "alike" else 1.02))
"""


@pytest.mark.parametrize(
    ("kind", "n", "d"),
    [
        ("array", 3000, 1500),
        ("npy", 3000, 1500),
        ("target", 3000, 1500),
        ("sparse0.3", 3000, 1500),
        ("sparse0.02", 30_000, 1500),
        ("lasso", 3000, 1200),
        ("forget", 3000, 1200),
        ("alike", 1200, 800),
    ],
)
def test_the_least_that_is_granted_is_kept(kind, n, d, tmp_path):
    """Panels of rows, rows written out or turned to columns, and blocks of few but long rows were not in the count."""
    if kind in ("npy", "lasso", "target"):
        X = np.random.default_rng(0).standard_normal((n, d + (kind == "target"))).astype(np.float32)
        np.save(tmp_path / "x.npy", X)
        np.save(tmp_path / "y.npy", X[:, 0])
    limit, peak = rows_and_peak(OPENING, WORK, kind, n, d, tmp_path)
    print(f"{kind}: {peak / 1e6:.1f} MB of {limit / 1e6:.1f}; X'X takes {8 * d * (d + 1) / 1e6:.1f}")
    assert peak <= limit
