"""What tests of sources share: the rows of blocks put together, and the least feature step, a slow pipe."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from esker.blocks.records import Records, Strings


class Pipe(io.RawIOBase):
    """A stream that gives at most so many bytes at a time and cannot go back."""

    def __init__(self, data: bytes, most: int) -> None:
        self.data, self.most = io.BytesIO(data), most

    def readable(self) -> bool:
        return True

    def readinto(self, view: Any) -> int:
        return self.data.readinto(memoryview(view)[: self.most])


class Keep:
    """The least step: it takes Records and gives them back."""

    reads_records = True

    def transform(self, blocks: Any) -> Any:
        return blocks.map(lambda block: block)


def together(blocks: Any, what: str = "X") -> Any:
    """X, y or another array of all blocks."""
    return np.concatenate([getattr(b, what) for b in blocks])


def values(x: Records) -> dict[str, list[Any]]:
    """Records as lists, for comparing: None where missing."""
    return {
        name: c.tolist() if isinstance(c, Strings) else [None if v != v else v for v in c.tolist()]
        for name, c in x.columns.items()
    }


def values_of(blocks: Any) -> dict[str, list[Any]]:
    """`values` of all blocks together."""
    return values(Records.concat([b.X for b in blocks]))
