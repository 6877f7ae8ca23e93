"""Who walks the parts of a data set through a state. Local walks them here; other engines take the same method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from esker._progress import advance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esker.blocks import Blocks
    from esker.folds import Fold

    S = TypeVar("S", bound=Fold)

__all__ = ["Engine", "Local"]


class Engine(Protocol):
    """One method: the state after the rows of these parts."""

    def fold_parts(self, blocks: Blocks, parts: Sequence[Any], state: S) -> S: ...


class Local:
    """This process, a part after the other, reading ahead on a thread."""

    def fold_parts(self, blocks: Blocks, parts: Sequence[Any], state: S) -> S:
        for block in blocks.read_ahead(parts):
            state.update(block)
            if not advance(len(block), block.nbytes):
                break
        return state
