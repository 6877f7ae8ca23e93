"""Blocks that give missing values as NaN, for a step that fills them in; of the same source for others they stay errors."""

from __future__ import annotations

from copy import copy

from esker.blocks.base import Blocks

__all__ = ["with_missing"]


def with_missing(blocks: Blocks) -> Blocks:
    """The same rows, and the same of every source that they are made of, with ``allows_missing``."""
    if blocks.allows_missing:
        return blocks
    kept: Blocks | None = vars(blocks).get("_with_missing")
    if kept is None:
        kept = copy(blocks)
        kept.allows_missing = True
        for name, value in vars(blocks).items():
            if isinstance(value, Blocks):
                setattr(kept, name, with_missing(value))
        vars(blocks)["_with_missing"] = kept  # one for all, so that what a walk teaches is known to the next
    return kept
