"""Two sparse matrices that are the same to the bit."""

from __future__ import annotations

from typing import Any


def same(theirs: Any, ours: Any) -> None:
    assert type(ours) is type(theirs)
    assert ours.shape == theirs.shape
    for part in ("indptr", "indices", "data"):
        a, b = getattr(theirs, part), getattr(ours, part)
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes(), part
