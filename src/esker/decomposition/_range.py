"""Randomised range finding: the largest singular vectors from a few walks over the rows, or from a single one.

A walk multiplies all rows with a few directions and back, ``Z = X'W(X Q)``. Walks build a block Krylov space of random
directions (Musco & Musco, 2015), in which the best vectors are found by Rayleigh-Ritz. One walk alone gives the Nystrom
approximation of X'X (Tropp, Yurtsever, Udell & Cevher, "Fixed-rank approximation of a positive-semidefinite matrix from
streaming data", 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg
from sklearn.utils.extmath import svd_flip

from esker._native import core
from esker._progress import advance
from esker.blocks.memory import empty, show_size
from esker.decomposition._input import check_width, refuse_empty
from esker.decomposition._spectrum import Spectrum
from esker.folds import ColumnMoments
from esker.linear_model._input import check_finite
from esker.linear_model._krylov_rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from esker.blocks import Block, Blocks

__all__ = ["Found", "check_normalizer", "find_range", "nystrom"]

#: Rows of directions that are multiplied in float64 at a time.
PIECE = 1 << 14
#: Directions come in so many, for which a walk over two threads' strips takes no longer.
TOGETHER = {4: 32, 8: 16}


def check_normalizer(name: str) -> None:
    """Directions are made orthonormal after every walk."""
    if name not in ("auto", "QR"):
        raise ValueError(
            f"power_iteration_normalizer={name!r} would lose digits that a QR keeps, at no gain here: a walk over the rows takes longer; "
            "take 'QR' or 'auto'"
        )


@dataclass
class Found:
    """What the walks told.

    Attributes
    ----------
    spectrum : Spectrum
        ``values`` are what the vectors capture of the rows' squares, to rounding; of a single walk, at least so much is.
    mean : ndarray of shape (d,)
    variance : ndarray of shape (d,)
        Of each column, over the rows' weight.
    rows, walks : int
    weight : float
    """

    spectrum: Spectrum
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    rows: int
    weight: float
    walks: int


def exponent(X: Any) -> int:
    """e, so that the largest number of X is below 2**e and not far; 0 of zeros, and of what is not finite."""
    most = float(np.abs(X).max(initial=0.0))
    return int(np.frexp(most)[1]) if 0 < most < np.inf else 0


class _Walker:
    """Products with directions, a walk each; the first one also sums the columns.

    Directions go in times a power of two, and products come out times the same, so that neither squares of large rows
    overflow nor those of small ones vanish: what is found belongs to rows over ``2**scale``.
    """

    def __init__(self, estimator: Any, blocks: Blocks, centred: bool, lanes: int) -> None:
        self.estimator, self.blocks, self.centred, self.lanes = estimator, blocks, centred, lanes
        self.rows, self.walks = Rows(blocks), 0
        self.moments = ColumnMoments()
        self.mean = self.variance = self.shift = np.zeros(0)
        self.product: Any = None
        self.scale = 0

    def __call__(self, Q: NDArray[Any]) -> NDArray[Any]:
        """``(X - mean)'W(X - mean) Q / 4**scale``, of Q's dtype."""
        first = self.walks == 0
        d, k = Q.shape
        wide = np.zeros((d, self.lanes), Q.dtype)
        wide[:, :k] = Q
        begun = False
        for block in self._walk():
            if not begun:
                self._begin(block, wide, first)
                begun = True
            if first:
                self.moments.update(block)
            self.product.update(block.raw_x(), block.sample_weight)
        shift = self.shift
        if first:
            self._learn(d)
        Z = empty((d, self.lanes), Q.dtype)
        self.product.finish(Z)
        self.walks += 1
        if not np.isfinite(Z).all():
            check_finite(self.estimator, self.blocks)
            raise ValueError(
                f"products of the rows of {self.blocks.source} are beyond {Q.dtype.name}: scale the columns down, or give X as float64"
            )
        np.ldexp(Z, -self.scale, out=Z)
        Z = Z[:, :k]
        if self.centred and first:  # the shift was the first rows' mean
            off = np.ldexp(self.mean - shift, -self.scale)
            Z = Z - np.outer(self.weight * off, off @ Q).astype(Q.dtype)
        return Z

    def _walk(self) -> Any:
        if self.blocks.rereadable:
            yield from self.rows.walk()
            self.rows.passes += 1
            return
        for block in self.blocks.read_ahead():
            yield block
            if not advance(len(block), block.nbytes):
                raise InterruptedError

    def _begin(self, block: Block, Q: NDArray[Any], first: bool) -> None:
        d = len(Q)
        is_sparse = not isinstance(block.X, np.ndarray)
        if self.product is None:
            kind = core.RangeProduct32 if Q.dtype == np.float32 else core.RangeProduct64
            self.product = kind(d, self.lanes, is_sparse)
        if first:
            self.shift = np.zeros(d)
            if self.centred:
                level = np.asarray(block.X.mean(axis=0, dtype=np.float64)).ravel()
                self.shift[: len(level)] = level
            self.scale = exponent(block.X.data if is_sparse else block.X)
        self.product.begin(np.ldexp(Q, -self.scale, out=Q), self.shift)

    def _learn(self, d: int) -> None:
        refuse_empty(self.estimator, self.moments.rows, self.blocks, self.moments.row_weight)
        self.moments.widen(d)
        found = self.moments.finish()
        if not np.isfinite(found.variance).all():
            check_finite(self.estimator, self.blocks)
            raise ValueError(
                f"sums of squares of the columns of {self.blocks.source} overflow: scale them down"
            )
        self.weight = self.moments.row_weight
        self.mean, self.variance = found.mean, found.variance
        if self.centred:
            self.shift = self.mean

    @property
    def total(self) -> float:
        """The rows' sum of squares, about the mean where centred."""
        square = 0.0 if self.centred else self.mean**2
        return float(self.weight * np.sum(self.variance + square))


def find_range(
    estimator: Any,
    blocks: Blocks,
    k: int,
    *,
    centred: bool,
    n_iter: int,
    n_oversamples: int,
    seed: int,
    tol: float = 0.0,
) -> Found:
    """The k largest singular vectors of the rows.

    Parameters
    ----------
    estimator : estimator
        Whom messages name; learns its width where only reading tells.
    centred : bool
        Whether the columns' means are taken off, in the products.
    n_iter : int
        Power iterations of scikit-learn's that are to be matched; a Krylov space does with half as many walks, and two.
    n_oversamples : int
        Random directions beyond k, at least.
    tol : float
        A walk that adds less than this share to what is captured is the last one.
    """
    d = _width(blocks)
    dtype = blocks.dtype
    together = TOGETHER[dtype.itemsize]
    wanted = n_oversamples + (k if blocks.rereadable else 2 * k)
    lanes = min(-(-wanted // together) * together, d)
    walks = 1 if not blocks.rereadable or lanes == d else 2 + (n_iter + 1) // 2
    depth = _reserve(blocks, d, lanes, dtype.itemsize, walks)
    if depth < walks:
        walks = n_iter + 2  # of plain subspace iteration
    rng = np.random.Generator(np.random.Philox(seed))
    start = (
        np.eye(d, dtype=dtype) if lanes == d else _turned(rng.standard_normal((d, lanes), dtype=dtype), 0.0)
    )
    walk = _Walker(estimator, blocks, centred, lanes)
    check_width(estimator, d)
    if not blocks.rereadable and lanes < d:
        found = nystrom(start, walk(start), k)
        return _found(walk, found.values, found.vectors)
    K: list[NDArray[Any]] = [start]
    T = np.zeros((0, 0))
    captured = 0.0
    for i in range(walks):
        Z = walk(K[-1])
        along = [q.T @ Z for q in K]
        T = _bordered(T, along)
        if i + 1 == walks:
            break
        if tol > 0:
            before, captured = captured, float(linalg.eigvalsh(T)[::-1][:k].sum())
            if captured - before <= tol * captured:
                break
        Q = _beyond(K, Z, along) if depth == walks else _beyond([], Z, [])
        if Q.shape[1] == 0:  # the space is invariant: exact
            break
        if depth == walks:
            K.append(Q)
        else:
            if Q.shape[1] < lanes:  # fewer directions than there are components may be left
                more = _beyond([Q], K[-1], [Q.T @ K[-1]])
                Q = np.ascontiguousarray(np.hstack([Q, more[:, : lanes - Q.shape[1]]]))
            K, T = [Q], np.zeros((0, 0))
    values, turn = linalg.eigh(T)
    best = turn[:, ::-1][:, :k].astype(dtype)
    cuts = np.cumsum([0] + [q.shape[1] for q in K])
    vectors = sum(q @ best[a:b] for q, a, b in zip(K, cuts, cuts[1:], strict=False))
    return _found(walk, values[::-1][:k], np.ascontiguousarray(np.asarray(vectors).T))


def _found(walk: _Walker, values: NDArray[Any], rows: NDArray[Any]) -> Found:
    values = np.ldexp(np.maximum(np.asarray(values, np.float64), 0.0), 2 * walk.scale)
    spectrum = Spectrum(values, svd_flip(None, rows, u_based_decision=False)[1], walk.total)
    return Found(spectrum, walk.mean, walk.variance, walk.moments.rows, walk.weight, walk.walks)


def nystrom(Q: NDArray[Any], Z: NDArray[Any], k: int) -> Spectrum:
    """The k largest eigenpairs of ``Z (Q'Z)^-1 Z'``, which approximates a positive semidefinite A from below, given Z = A Q.

    A small multiple of the identity is added for the inverse's sake and taken off again.
    """
    scale = exponent(Z)
    Z = np.ldexp(Z, -scale)
    size = float(np.linalg.norm(Z.astype(np.float64)))
    nu = 10 * np.finfo(Z.dtype).eps * size
    if size == 0:
        return Spectrum(np.zeros(k), np.eye(k, len(Q), dtype=Q.dtype), 0.0)
    Z = Z.astype(np.float64) + nu * Q
    inner = Q.T @ Z
    root = linalg.cholesky((inner + inner.T) / 2, lower=False)
    B = linalg.solve_triangular(root, Z.T, trans="T").T
    vectors, s, _ = linalg.svd(B, full_matrices=False, overwrite_a=True, check_finite=False)
    values = np.ldexp(np.maximum(s[:k] ** 2 - nu, 0.0), scale)
    rows = svd_flip(None, np.ascontiguousarray(vectors[:, :k].T), u_based_decision=False)[1]
    return Spectrum(values, rows.astype(Q.dtype), float(values.sum()))


def _width(blocks: Blocks) -> int:
    """Columns, by a walk where nobody knows."""
    if blocks.n_columns is not None:
        return int(blocks.n_columns)
    if not blocks.rereadable:
        raise ValueError(
            f"the columns of {blocks.source} are known only once they are read, and it is read once: say n_features= to open_blocks"
        )
    return max((block.X.shape[1] for block in blocks), default=1)


def _reserve(blocks: Blocks, d: int, lanes: int, size: int, walks: int) -> int:
    """Claim memory for the walks; how many blocks of directions may be kept: all, or one where there is no room for more."""
    kind = core.RangeProduct32 if size == 4 else core.RangeProduct64
    own = kind.bytes(d, lanes, blocks.is_sparse is not False)
    each = d * lanes * size
    for depth in (walks, 1):
        need = own + (depth + 4) * each + 48 * d
        try:
            blocks.reserve(need, f"random directions ({lanes} of {d} columns, {show_size(each)} each time)")
            return depth
        except ValueError:
            if depth == 1:
                raise
    return 1


def _bordered(T: NDArray[np.float64], products: list[NDArray[Any]]) -> NDArray[np.float64]:
    """The symmetric T with the products of one more block of directions as its last rows and columns."""
    column = np.concatenate(products).astype(np.float64)
    old, new = len(T), column.shape[1]
    out = np.empty((old + new, old + new))
    out[:old, :old] = T
    out[:, old:] = column
    out[old:, :old] = column[:old].T
    out[old:, old:] = (column[old:] + column[old:].T) / 2
    return out


def _turned(R: NDArray[Any], floor: float) -> NDArray[Any]:
    """Orthonormal columns that span those of R, but for directions shorter than `floor`.

    From products in float64, a tenth of a QR's time, where R's condition leaves digits; Householder's otherwise.
    """
    d, k = R.shape
    G = np.zeros((k, k))
    for i in range(0, d, PIECE):
        wide = R[i : i + PIECE].astype(np.float64, copy=False)
        G += wide.T @ wide
    values, vectors = linalg.eigh(G, check_finite=False)
    most = max(float(values[-1]), 1e-300) if k else 1.0
    out: NDArray[Any]
    if R.dtype == np.float32 or (k and values[0] > 1e-8 * most):
        keep = values > max(floor * floor, 1e-13 * most)
        out = R @ (vectors[:, keep] / np.sqrt(values[keep])).astype(R.dtype)
        return out
    Q, upper = linalg.qr(R, mode="economic", check_finite=False)
    left, lengths, _ = linalg.svd(upper)
    kept = int((lengths > floor).sum())
    out = np.ascontiguousarray(Q if kept == Q.shape[1] else Q @ left[:, :kept])
    return out


def _less(K: list[NDArray[Any]], Z: NDArray[Any], along: list[NDArray[Any]]) -> NDArray[Any]:
    """Z without what lies along the directions of K."""
    out = Z.copy()
    for q, part in zip(K, along, strict=True):
        out -= q @ part.astype(Z.dtype)
    return out


def _beyond(K: list[NDArray[Any]], Z: NDArray[Any], along: list[NDArray[Any]]) -> NDArray[Any]:
    """Orthonormal directions for what of Z lies outside the span of K, but for what is rounding; along: K'Z."""
    floor = 50 * float(np.finfo(Z.dtype).eps) * float(np.linalg.norm(Z))
    Q = _turned(_less(K, Z, along), floor)
    Q = _turned(_less(K, Q, [q.T @ Q for q in K]), 0.5)  # twice is enough; what was rounding is mostly gone
    room = len(Z) - sum(q.shape[1] for q in K)
    return Q[:, -room:] if Q.shape[1] > room else Q
