"""Rows that a hasher made, as scikit-learn hands them out and as blocks hold them; chunks of iterables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from scipy import sparse

from esker.blocks import Block, Blocks
from esker.blocks.records import Records

__all__ = ["as_scikit_learn", "chunks", "csr", "map_records"]

#: Documents that are looked up at once; their rows are hashed before the next are asked for.
CHUNK = 1 << 16
#: The same of a list, which is in memory anyway.
SLICE = 1 << 18


def csr(made: tuple[Any, Any, Any], n_features: int) -> sparse.csr_array:
    """The rows ``(data, indices, indptr)``; indices are int32 where that holds their number."""
    data, indices, indptr = made
    if indptr[-1] <= np.iinfo(np.int32).max:
        indptr = indptr.astype(np.int32)
    else:
        indices = indices.astype(np.int64)
    X = sparse.csr_array((data, indices, indptr), shape=(len(indptr) - 1, n_features))
    X.has_sorted_indices = X.has_canonical_format = True
    return X


def as_scikit_learn(X: sparse.csr_array) -> Any:
    """Array or matrix, as this scikit-learn and its configuration would return."""
    try:
        from sklearn.utils import _align_api_if_sparse
    except ImportError:  # before 1.9
        return sparse.csr_matrix(X)
    return _align_api_if_sparse(X)


def chunks(values: Iterable[Any]) -> Iterator[list[Any] | tuple[Any, ...]]:
    """The values of an iterable, some at a time; a list or a tuple is sliced."""
    if isinstance(values, list | tuple):
        for begin in range(0, len(values), SLICE):
            yield values[begin : begin + SLICE] if len(values) > SLICE else values
        return
    walk = iter(values)
    while some := list(islice(walk, CHUNK)):
        yield some


def map_records(
    blocks: Blocks, rows: Callable[[Records], sparse.csr_array], name: str, n_features: int, dtype: Any
) -> Blocks:
    """Lazy Blocks of the rows that a step makes of Records."""
    if not blocks.holds_records:
        raise ValueError(
            f"{name} makes features of texts and tables, and {blocks.source} holds numbers; "
            f"put it where the source is opened: open_blocks(..., features={name}(...))"
        )
    if np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"blocks hold float32 or float64, got dtype={np.dtype(dtype)} in {name}")

    def make(block: Block) -> Block:
        return replace(block, X=rows(block.X))

    return blocks.map(
        make,
        n_columns=int(n_features),
        is_sparse=True,
        dtype=dtype,
        nnz=None,
        feature_names=None,
        holds_records=False,
    )
