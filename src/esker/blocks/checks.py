"""What every block that a source reads must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker._errors import FormatError
from esker._native import core
from esker.blocks.block import ROW_BITS, Block
from esker.blocks.records import Records

if TYPE_CHECKING:
    from esker.blocks.base import Blocks, Part

__all__ = ["check_block"]


def check_block(blocks: Blocks, part: Part, block: Block) -> None:
    """Its width is the source's, its numbers are finite, its weights not negative; an error names the row."""
    x = block.X
    if blocks.n_columns is not None and x.shape[1] != blocks.n_columns:
        raise FormatError(
            f"every block must have {blocks.n_columns} columns, got {x.shape[1]} from row "
            f"{_row(block, 0)} on",
            part.name,
        )
    if not blocks.checked:
        return
    if not isinstance(x, Records):
        _check_finite(blocks, part, block, block.raw_x(), "X")
    if block.y is not None and block.y.dtype.kind == "f":
        _check_finite(blocks, part, block, block.raw_y(), "the target")
    weight = block.sample_weight
    if weight is not None:
        _check_finite(blocks, part, block, weight.reshape(-1, 1), "sample_weight")
        if len(weight) and weight.min() < 0:
            row = int(np.argmax(weight < 0))
            raise FormatError(
                f"sample weights must not be negative, got {weight[row]} in row {_row(block, row)}",
                part.name,
            )


def _check_finite(blocks: Blocks, part: Part, block: Block, values: Any, what: str) -> None:
    gaps = what == "X" and blocks.allows_missing
    found = core.first_infinite(values) if gaps else core.first_nonfinite(values)
    if found is None:
        return
    row, column = found
    name = ""
    if what == "X":
        name = f", column {column}"
        if blocks.feature_names is not None and column < len(blocks.feature_names):
            name += f" ({blocks.feature_names[column]!r})"
    raise FormatError(
        f"{what} must be finite, got {'' if gaps else 'NaN or '}infinity in row {_row(block, row)}{name} (from 0); "
        + (
            "drop such rows"
            if gaps or what != "X"
            else "drop such rows, or fill them in with esker.impute.SimpleImputer"
        ),
        part.name,
    )


def _row(block: Block, row: int) -> int:
    """The row within its part."""
    first = block.first_key if block.row_keys is None else int(block.row_keys[row]) - row
    return (first + row) & ((1 << ROW_BITS) - 1)
