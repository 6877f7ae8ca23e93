"""Parameters, checked in one way: numbers in a range, one of several words, durations such as "30s"."""

from __future__ import annotations

import os
import re
from numbers import Integral, Real
from os import PathLike
from typing import Any

__all__ = [
    "check_choice",
    "check_flag",
    "check_integer",
    "check_jobs",
    "check_number",
    "check_path",
    "parse_duration",
]

_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)", re.ASCII)


def parse_duration(value: Any, name: str = "max_time") -> float | None:
    """Seconds of a number or of a text such as "30s", "2min", "1h30min"; None stays None (no limit).

    >>> parse_duration("2min"), parse_duration("1h30min"), parse_duration(0.5), parse_duration(None)
    (120.0, 5400.0, 0.5, None)
    """
    if value is None:
        return None
    wanted = f'{name} must be a number of seconds of at least 0, or a text such as "30s" or "1h30min", got {value!r}'
    if isinstance(value, str):
        text, seconds, at = value.strip().lower(), 0.0, 0
        if not text:
            raise ValueError(wanted)
        while at < len(text):
            piece = _PIECE.match(text, at)
            if piece is None or piece[2] not in _SECONDS or (piece[2] == "" and piece[0].strip() != text):
                raise ValueError(wanted)
            seconds, at = seconds + float(piece[1]) * _SECONDS[piece[2]], piece.end()
    elif isinstance(value, Real) and not _boolean(value):
        seconds = float(value)
    else:
        raise ValueError(wanted)
    if not 0 <= seconds < float("inf"):
        raise ValueError(wanted)
    return seconds


def check_number(
    name: str, value: Any, low: float = float("-inf"), high: float = float("inf"), *, open_low: bool = False
) -> float:
    """`value` as a float in [low, high], or in (low, high] with `open_low`."""
    good = isinstance(value, Real) and not _boolean(value)
    good = (
        good
        and (value > low if open_low else value >= low)
        and value <= high
        and abs(float(value)) < float("inf")
    )
    if not good:
        raise ValueError(f"{name} must be a number{_range(low, high, open_low)}, got {value!r}")
    return float(value)


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int of at least `low`, and at most `high`."""
    whole = isinstance(value, Integral) and not _boolean(value)
    if not whole or int(value) < low or (high is not None and int(value) > high):
        wanted = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be an integer {wanted}, got {value!r}")
    return int(value)


def check_flag(name: str, value: Any) -> bool:
    """`value` as a bool; numbers are no flags."""
    if not _boolean(value):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    """`value`, if it is one of `choices`."""
    if not any(value is c or (isinstance(c, str) and isinstance(value, str) and c == value) for c in choices):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def check_jobs(value: Any) -> int | None:
    """scikit-learn's `n_jobs`: None, a number of threads, or all but so many less one below 0."""
    whole = isinstance(value, Integral) and not _boolean(value)
    if value is not None and (not whole or value == 0 or abs(int(value)) >= 1 << 31):
        raise ValueError(f"n_jobs must be None or an integer that is not 0, got {value!r}")
    return None if value is None else int(value)


def check_path(name: str, value: Any) -> str:
    """`value` as a path; a number would be taken for a file that is open."""
    if not isinstance(value, (str, bytes, PathLike)) or not os.fspath(value):
        raise ValueError(f"{name} must be None or a path, got {value!r}")
    return os.fsdecode(value)


def _boolean(value: Any) -> bool:
    """Python's bool or NumPy's, which this file need not import to know."""
    return type(value).__name__ in ("bool", "bool_")


def _range(low: float, high: float, open_low: bool) -> str:
    if high == float("inf"):
        return "" if low == float("-inf") else f" {'above' if open_low else 'of at least'} {low:g}"
    return f" in {'(' if open_low else '['}{low:g}, {high:g}]"
