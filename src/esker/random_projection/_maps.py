"""The random maps of projections: each is its seed and its shape, makes what it needs when rows come, and forgets it in a pickle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from esker._native import core
from esker.blocks.memory import empty

__all__ = ["CountMap", "HadamardMap", "NormalMap", "RandomMap", "SignMap"]

#: `Stream.projection` of base/philox.hpp.
STREAM = 20


class RandomMap(ABC):
    """Rows of `cols` numbers to rows of `components`; both the map's kinds of rows, float32 and float64, see the same numbers."""

    def __init__(self, seed: int, cols: int, components: int) -> None:
        self.seed, self.cols, self.components = seed, cols, components

    def __getstate__(self) -> dict[str, Any]:
        plain = {"seed", "cols", "components", "density", "dense_output"}
        return {key: value for key, value in vars(self).items() if key in plain}

    @property
    def scale(self) -> float:
        """What entries of size one are multiplied with, so that lengths are kept on average."""
        return float(1 / np.sqrt(self.components))

    @abstractmethod
    def matrix(self, dtype: Any) -> Any:
        """The map as a matrix, components x cols."""

    @abstractmethod
    def __call__(self, X: Any) -> Any:
        """Rows projected: dense ones by rows, or CSR."""

    def finite(self, X: Any) -> Any:
        """Rows projected, and whether X was all finite."""
        made = self(X)
        values = X.data.reshape(1, -1) if sparse.issparse(X) else made
        return made, bool(core.all_finite(values))

    def _out(self, X: Any) -> NDArray[Any]:
        return empty((X.shape[0], self.components), X.dtype)


def parts(X: Any) -> Any:
    """X as kernels take it."""
    if not sparse.issparse(X):
        return X
    return X.data, X.indices, X.indptr, X.shape[1]


class NormalMap(RandomMap):
    """Independent normal entries, generated in slabs of columns."""

    def matrix(self, dtype: Any) -> NDArray[Any]:
        columns = np.empty((self.cols, self.components), dtype)
        core.normals(columns, 0, self.seed, STREAM, 0, self.scale)
        return np.ascontiguousarray(columns.T)

    def __call__(self, X: Any) -> NDArray[Any]:
        if sparse.issparse(X) and not X.has_sorted_indices:
            X = X.sorted_indices()
        out = self._out(X)
        core.project_normal(out, parts(X), self.seed, self.scale)
        return out


class SignMap(RandomMap):
    """Entries +-1 with a probability of `density`, else zero."""

    def __init__(self, seed: int, cols: int, components: int, density: float, dense_output: bool) -> None:
        super().__init__(seed, cols, components)
        self.density, self.dense_output = density, dense_output

    @property
    def scale(self) -> float:
        return float(np.sqrt(1 / self.density) / np.sqrt(self.components))

    @cached_property
    def _native(self) -> Any:
        return core.SignMap(self.seed, self.cols, self.components, self.density)

    @cached_property
    def _by_column(self) -> Any:
        """cols x components, entries 1 and -1."""
        entries, ends = core.draw_signs(self.seed, self.cols, self.components, self.density)
        wide = np.int32 if max(len(entries), self.components) < 2**31 else np.int64
        signs = (1 - 2 * (entries & 1)).astype(np.int8)
        return sparse.csr_array(
            (signs, (entries >> 1).astype(wide), ends.astype(wide)), shape=(self.cols, self.components)
        )

    def matrix(self, dtype: Any) -> Any:
        signs = self._by_column.astype(dtype)
        signs.data *= signs.dtype.type(self.scale)
        return signs.T.toarray() if self.density == 1 else signs.T.tocsr()

    def _sparse(self, X: Any) -> Any:
        signs = self._by_column.astype(X.dtype)
        made = sparse.csr_array(X) @ signs
        made.data *= X.dtype.type(self.scale)
        return made.toarray() if self.dense_output or self.density == 1 else made

    def __call__(self, X: Any) -> Any:
        return self.finite(X)[0]

    def finite(self, X: Any) -> Any:
        if sparse.issparse(X):
            return self._sparse(X), bool(core.all_finite(X.data.reshape(1, -1)))
        out = self._out(X)
        return out, bool(self._native.apply(out, X, self.scale))


class HadamardMap(RandomMap):
    """Signs, a Walsh-Hadamard transform, some of its outputs."""

    @cached_property
    def _native(self) -> Any:
        return core.HadamardMap(self.seed, self.cols, self.components)

    def matrix(self, dtype: Any) -> NDArray[Any]:
        places = np.asarray(self._native.places)[:, np.newaxis]
        odd = np.zeros((self.components, self.cols), bool)
        for bit in range(int(self._native.padded).bit_length()):
            odd ^= (places >> bit & 1).astype(bool) & (np.arange(self.cols) >> bit & 1).astype(bool)
        odd ^= self._native.negative.astype(bool)
        return np.where(odd, -self.scale, self.scale).astype(dtype)

    def __call__(self, X: Any) -> NDArray[Any]:
        out = self._out(X)
        self._native.apply(out, parts(X), self.scale)
        return out


class CountMap(RandomMap):
    """One entry a column, +-1, in a random row."""

    def __init__(self, seed: int, cols: int, components: int, dense_output: bool) -> None:
        super().__init__(seed, cols, components)
        self.dense_output = dense_output

    @property
    def scale(self) -> float:
        return 1.0

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        return np.asarray(core.count_places(self.seed, self.cols, self.components), np.int64)

    def matrix(self, dtype: Any) -> Any:
        signs, columns = (1 - 2 * (self._places & 1)).astype(dtype), np.arange(self.cols)
        shape = (self.components, self.cols)
        return sparse.coo_array((signs, (self._places >> 1, columns)), shape=shape).tocsr()

    def __call__(self, X: Any) -> Any:
        if not sparse.issparse(X):
            out = self._out(X)
            core.project_count(out, X, self._places, self.components)
            return out
        places = self._places[X.indices]
        signs = (1 - 2 * (places & 1)).astype(X.dtype)
        made = sparse.csr_array(
            (X.data * signs, (places >> 1).astype(X.indices.dtype), X.indptr.copy()),
            shape=(X.shape[0], self.components),
        )
        made.sum_duplicates()
        return made.toarray() if self.dense_output else made
