"""An installed esker, away from its source, folds and fits: ``python smoke.py [openmp=True|False]``."""

from __future__ import annotations

import sys

import numpy as np

import esker
from esker._config import config
from esker.linear_model import Ridge, SGDRegressor

rng = np.random.default_rng(0)
X = rng.standard_normal((5000, 8))
y = X @ np.arange(8.0) + 1
np.testing.assert_allclose(Ridge(alpha=1e-9).fit(X, y).coef_, np.arange(8.0), atol=1e-6)
np.testing.assert_allclose(
    Ridge(alpha=1e-9).fit(*esker.sketch_rows(X, y, 100)).coef_, np.arange(8.0), atol=1e-6
)
assert SGDRegressor(random_state=0).fit(X, y).score(X, y) > 0.99
for wish in sys.argv[1:]:
    name, value = wish.split("=")
    assert str(config()[name]) == value, f"wanted {wish}, got {config()[name]}"
esker.show_config()
