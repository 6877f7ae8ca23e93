"""TableHasher, a row at a time in plain Python: the formulas of docs/features.md and nothing of esker's."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
from sklearn.utils import murmurhash3_32


def h(raw: bytes) -> int:
    """MurmurHash3_x86_32 with seed 0, as scikit-learn has it, unsigned."""
    return int(murmurhash3_32(raw, seed=0, positive=True))


def text(value: Any) -> str:
    """The category of a value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | np.integer | np.bool_):
        return str(int(value))
    return str(int(value)) if value == int(value) and abs(value) < 9.2e18 else str(value)


def log_bin(x: float) -> str:
    """The text of a number's bin: the largest quarter power of two that is not above its size."""
    if x == 0:
        return "0"
    size, shift = abs(x), 0
    if size < 1e-290:  # powers of two have few digits there
        size, shift = size * 2.0**200, 800
    b = math.floor(4 * math.log2(size))
    while 2.0 ** ((b + 1) / 4) <= size:  # log2 may round up or down
        b += 1
    while 2.0 ** (b / 4) > size:
        b -= 1
    return f"{'-' * (x < 0)}2^{(b - shift) / 4:g}"


def missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def token(column: str, value: Any, binned: bool = False) -> int:
    """The hash of a category."""
    said = "" if missing(value) else log_bin(float(value)) if binned else text(value)
    return h(f"{column}={said}".encode())


def table_hash(
    columns: dict[str, list[Any]],
    numeric: list[str],
    categorical: list[str],
    crosses: list[tuple[str, ...]],
    n_features: int,
    binned: bool = False,
    alternate_sign: bool = False,
) -> list[dict[int, float]]:
    """Each row as {place: value}."""
    rows = []
    for i in range(len(next(iter(columns.values())))):
        entries: list[tuple[int, float]] = []
        for c in numeric:
            x = columns[c][i]
            if binned:
                entries.append((token(c, x, True), 1.0))
            elif missing(x):
                entries.append((token(c, None), 1.0))
            elif x != 0:
                entries.append((h(c.encode()), float(x)))
        entries += [(token(c, columns[c][i]), 1.0) for c in categorical]
        for cross in crosses:
            parts = [token(c, columns[c][i], binned and c in numeric) for c in cross]
            entries.append((h(struct.pack(f"<{len(parts)}I", *parts)), 1.0))
        row: dict[int, float] = {}
        for hashed, value in entries:
            signed = hashed - 2**32 if hashed >= 2**31 else hashed
            place = abs(signed) % n_features
            row[place] = row.get(place, 0.0) + (-value if alternate_sign and signed < 0 else value)
        rows.append(row)
    return rows
