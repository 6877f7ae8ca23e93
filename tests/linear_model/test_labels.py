"""Labels as indices: whatever they are, as NumPy's unique has it."""

from __future__ import annotations

import numpy as np
import pytest

from esker.linear_model._labels import _indexed

RNG = np.random.default_rng(0)
LABELS = [
    RNG.integers(0, 2, 1000),
    RNG.integers(5, 7, 1000),
    RNG.integers(-3, 4, 1000),
    RNG.choice([-128, 127], 1000).astype(np.int8),
    RNG.choice([3, 9, 500], 1000).astype(np.uint16),
    RNG.choice(np.array([2**63 + 5, 2**63 + 6], dtype=np.uint64), 1000),
    RNG.choice([-(2**62), 5], 1000),
    RNG.choice([2**62, 2**62 + 1], 1000),
    np.array([True, False, True]),
    RNG.choice(list("abc"), 50),
    RNG.random(30).round(1),
    np.zeros(5, dtype=int),
    np.array([], dtype=int),
    np.array([7]),
]


@pytest.mark.parametrize("labels", LABELS, ids=lambda a: f"{a.dtype}-{len(a)}")
def test_classes_indices_and_counts(labels: np.ndarray) -> None:
    classes, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    found = _indexed(labels)
    assert found[0].dtype == classes.dtype
    assert found[1].dtype == np.float64
    for a, b in zip(found, (classes, index, counts), strict=True):
        np.testing.assert_array_equal(a, b)
