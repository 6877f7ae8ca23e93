"""What block files say of themselves: several footers together, and the description that needs no reading."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker.blocks.block_targets import CLASSES

if TYPE_CHECKING:
    from esker.blocks.block_file import BlockFile

__all__ = ["check_facts", "described", "together"]


def check_facts(facts: Any) -> None:
    """Facts that tables of pages do not need are there, and of their types; the checksum of a footer is easily made.

    Raises
    ------
    ValueError, KeyError
    """
    number = (int, float, type(None))
    kinds: dict[str, Any] = {
        "n_rows": int,
        "n_columns": int,
        "n_numbers": int,
        "y_shape": (list, type(None)),
        "labels": (list, type(None)),
        "feature_names": (list, type(None)),
        "finite": bool,
        "weighted": bool,
        "sequential_first": bool,
        "weight": number,
        "parts": list,
        "source": dict,
    }
    _expect(facts, kinds)
    _expect(facts["source"], {"name": str, "files": list, "options": dict})
    for part in facts["parts"]:
        _expect(part, {"name": str, "rows": int})
    for name in ("labels", "feature_names"):
        if not all(isinstance(text, str) for text in facts[name] or ()):
            raise ValueError(f"{name} are not all strings")
    if not all(type(n) is int for n in facts["y_shape"] or ()):
        raise ValueError("its targets are of an unknown kind")
    for target in facts.get("targets") or ():
        _expect(target, {"counts": (list, type(None)), "n": int})
        for pair in target["counts"] or ():
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str | int | float)):
                raise ValueError("its targets are not counted as pairs")
            _expect({"rows of a value": pair[1]}, {"rows of a value": int})
        if target["n"]:
            _expect(target, dict.fromkeys(_MOMENTS, number))


def _expect(facts: Any, kinds: dict[str, Any]) -> None:
    if not isinstance(facts, dict):
        raise ValueError(f"expected an object, got {facts!r:.60}")
    for name, kind in kinds.items():
        value = facts[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{name} is {value!r:.60}")


def together(files: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The facts of several files as those of one; refused where they do not fit together."""
    (first, facts), *others = files
    if not others:
        return facts
    zero_based = facts["source"]["options"].get("zero_based")
    for name, other in others:
        for fact in ("layout", "dtype", "y_shape", "feature_names"):
            if other[fact] != facts[fact]:
                raise FormatError(
                    f"files of one source must agree in {fact}: expected {facts[fact]!r} as in {first}, got {other[fact]!r}",
                    name,
                )
        if facts["layout"] == "dense" and other["n_columns"] != facts["n_columns"]:
            raise FormatError(
                f"dense files of one source must be equally wide: expected {facts['n_columns']} columns as in {first}, "
                f"got {other['n_columns']}",
                name,
            )
        if (other["labels"] is None) != (facts["labels"] is None):
            raise FormatError(
                f"targets must be strings in all files of one source or in none, unlike {first}; convert one again",
                name,
            )
        if other.get("y_dtype") != facts.get("y_dtype"):
            raise FormatError(
                f"files of one source must agree in the targets' dtype: expected {facts.get('y_dtype')} as in {first}, "
                f"got {other.get('y_dtype')}",
                name,
            )
        if other["source"]["options"].get("zero_based") != zero_based:
            raise FormatError(f"its columns are not counted from the same number as those of {first}", name)
    every = [f for _, f in files]
    labels: dict[str, None] = {}
    for f in every:
        labels |= dict.fromkeys(f["labels"] or ())
    return {
        **facts,
        "n_rows": sum(f["n_rows"] for f in every),
        "n_columns": max(f["n_columns"] for f in every),
        "n_numbers": sum(f["n_numbers"] for f in every),
        "nonzeros": sum(f["nonzeros"] for f in every) if all("nonzeros" in f for f in every) else None,
        "labels": list(labels) or None,
        "finite": all(f["finite"] for f in every),
        "weight": sum(_number(f["weight"]) for f in every),
        "weighted": any(f["weighted"] for f in every),
        "sequential_first": any(f["sequential_first"] for f in every),
        "targets": _targets([f.get("targets") for f in every]),
        "parts": [part for f in every for part in f["parts"]],
        "source": {
            "name": ", ".join(f["source"]["name"] for f in every),
            "files": [file for f in every for file in f["source"]["files"]],
            "options": facts["source"]["options"],
        },
    }


_MOMENTS = ("mean", "m2", "min", "max")


def _number(value: float | None) -> float:
    """A footer has null for a number that is not finite."""
    return float("nan") if value is None else value


def _targets(files: list[list[dict[str, Any]] | None]) -> list[dict[str, Any]] | None:
    """Targets of several files: counts are added, moments merged (Chan's update)."""
    if any(targets is None for targets in files):
        return None
    merged = []
    for column in zip(*(targets or [] for targets in files)):
        found: list[dict[str, Any]] = [
            {k: _number(v) if k in _MOMENTS else v for k, v in t.items()} for t in column
        ]
        a, *others = found
        for b in others:
            counts = None
            if a["counts"] is not None and b["counts"] is not None:
                sums = dict(a["counts"])
                for v, n in b["counts"]:
                    sums[v] = sums.get(v, 0) + n
                counts = [[v, n] for v, n in sums.items()] if len(sums) <= CLASSES else None
            a["counts"] = counts
            if a["n"] and b["n"]:
                total, delta = a["n"] + b["n"], b["mean"] - a["mean"]
                a["m2"] += b["m2"] + delta * delta * a["n"] * b["n"] / total
                a["mean"] += delta * b["n"] / total
                a["n"], a["min"], a["max"] = total, min(a["min"], b["min"]), max(a["max"], b["max"])
        merged.append(a)
    return merged


def described(blocks: BlockFile) -> dict[str, Any] | None:
    """What `Blocks.describe` says of the rows, from the footers alone; None where a file of version 1 does not say it."""
    facts = blocks.facts
    targets, nonzeros = _targets([facts.get("targets")]), facts.get("nonzeros")
    if targets is None or nonzeros is None:
        return None
    rows, columns, wide = facts["n_rows"], facts["n_columns"], facts["n_columns"] > 1 << 31
    dtype = facts["y_dtype"] if facts["labels"] is None else str(np.array(facts["labels"]).dtype)
    # Labels are stored as codes of 4 bytes, and read as strings.
    held = sum(file.rows.describe_memory() for file in blocks.stored)
    held += 0 if facts["labels"] is None else rows * len(targets) * (np.dtype(dtype).itemsize - 4)
    said = []
    for target in targets:
        one: dict[str, Any] = {"dtype": dtype}
        if target["counts"] is not None:
            one["counts"] = dict(sorted(map(tuple, target["counts"])))
        if target["n"]:
            one |= {
                "mean": target["mean"],
                "std": float(np.sqrt(target["m2"] / target["n"])),
                "min": target["min"],
                "max": target["max"],
            }
        said.append(one)
    return {
        "source": blocks.source,
        "rows": rows,
        "columns": columns,
        "kind": "sparse" if blocks.is_sparse else "dense",
        "dtype": str(blocks.dtype),
        "index_dtype": ("int64" if wide else "int32") if blocks.is_sparse else None,
        "stored": facts["n_numbers"],
        "nonzeros": nonzeros,
        "density": nonzeros / (rows * columns) if rows and columns else 0.0,
        "bytes_in_memory": held,
        "bytes_on_disk": sum(os.path.getsize(f) for f in blocks.files),
        "targets": said,
        "weight": _number(facts["weight"]) if facts["weighted"] else None,
        "feature_names": blocks.feature_names,
    }
