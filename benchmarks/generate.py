"""Data made by counter: block i of a data set is a function of (generator, seed, i) alone, by Philox.

Any block can be made without the ones before it, in any process, so files of any size are written fast and in parallel
and a test can make one block of a billion rows. Generated data says how fast a learner is; only real data says how good.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

__all__ = [
    "GENERATORS",
    "Generated",
    "alpha_like",
    "dense_linear",
    "higgs_like",
    "offset_trend",
    "rcv1_like",
    "sparse_text",
    "webspam_like",
    "wide_sparse",
]


class Generated:
    """A data set by block: subclasses set `name`, `d`, `block_rows`, `published` and write `_rows(rng, n, begin)`."""

    name = ""
    d = 0
    block_rows = 8192
    published: str = ""
    classification = True

    def __init__(self, n: int, seed: int = 0) -> None:
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        self.n, self.seed = n, seed

    @property
    def n_blocks(self) -> int:
        return -(-self.n // self.block_rows)

    def rng(self, stream: int, index: int = 0) -> np.random.Generator:
        """The random numbers of (seed, stream, index): the counter's high words, so that streams never meet."""
        return np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, index, stream]))

    def block(self, i: int) -> tuple[Any, np.ndarray]:
        """Rows [i * block_rows, (i + 1) * block_rows) as (X, y)."""
        if not 0 <= i < self.n_blocks:
            raise IndexError(f"block {i} of {self.n_blocks}")
        begin = i * self.block_rows
        # Always a whole block, then cut: the last block's rows do not depend on n.
        X, y = self._rows(self.rng(1, i), self.block_rows, begin)
        rows = min(self.block_rows, self.n - begin)
        return (X, y) if rows == self.block_rows else (X[:rows], y[:rows])

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[tuple[Any, np.ndarray]]:
        return (self.block(i) for i in range(self.n_blocks))

    def arrays(self) -> tuple[Any, np.ndarray]:
        """All rows in memory; CSR with int32 indices where it is sparse."""
        X, y = zip(*self)
        if sparse.issparse(X[0]):
            return sparse.vstack(X, format="csr"), np.concatenate(y)
        return np.concatenate(X), np.concatenate(y)

    def statistics(self, blocks: int = 8) -> dict[str, float]:
        """Rows, columns, nonzeros a row, density, label balance; of the first `blocks` blocks."""
        parts = [self.block(i) for i in range(min(blocks, self.n_blocks))]
        rows = sum(len(y) for _, y in parts)
        stored = sum(X.nnz if sparse.issparse(X) else X.size for X, _ in parts)
        y = np.concatenate([y for _, y in parts])
        facts = {"rows": self.n, "columns": self.d, "nonzeros a row": stored / rows}
        facts["density"] = stored / rows / self.d
        if self.classification:
            facts["positive"] = float(np.mean(y > 0))
        else:
            facts["target mean"], facts["target std"] = float(y.mean()), float(y.std())
        return facts

    def __repr__(self) -> str:
        return f"{self.name}(n={self.n}, seed={self.seed})"


def _sign_by_logistic(rng: np.random.Generator, margin: np.ndarray) -> np.ndarray:
    """Labels in {-1, +1} with P(+1) = 1 / (1 + exp(-margin)): the noise of a logistic regression."""
    return np.where(rng.random(len(margin)) * (1 + np.exp(-margin)) < 1, 1.0, -1.0)


class rcv1_like(Generated):
    """Sparse text: Zipf words, tf-idf rows of unit norm, labels by a logistic model in these rows."""

    name = "rcv1-like"
    d = 47_152
    published = "RCV1-v2 CCAT as Bottou split it: 781,265 + 23,149 rows, 47,152 columns, 76 nonzeros a row, 47.4 % positive"
    margin = 11.0  # standard deviation of the true margin: the best possible error is near 5 %
    shift = 4.0  # of the margin, for the balance of labels
    words = 68.5  # median number of words of a row, before repetitions are counted as one

    def __init__(self, n: int = 804_414, seed: int = 0, dtype: Any = np.float32) -> None:
        super().__init__(n, seed)
        self.dtype = np.dtype(dtype)
        rng = self.rng(0)
        p = 1.0 / (np.arange(self.d) + 20.0)  # Zipf-Mandelbrot, stop words removed
        p /= p.sum()
        # Column of the word of each of 2^22 equal shares of probability: one look-up draws a word.
        shares = np.arange(1 << 22) / float(1 << 22)
        self._column = rng.permutation(self.d).astype(
            np.int32
        )  # frequent words lie anywhere, as in a real vocabulary
        self._word = self._column[np.minimum(np.searchsorted(np.cumsum(p), shares, side="right"), self.d - 1)]
        share = -np.expm1(90.0 * np.log1p(-p))  # of the rows that have the word, about
        self._idf = np.empty(self.d)
        self._idf[self._column] = -np.log(share)
        # Half of the words say nothing; rare ones say less, so that they can be learned. The margin's size is `margin`.
        truth = np.where(rng.random(self.d) < 0.5, rng.standard_normal(self.d), 0.0) / (
            1 + np.arange(self.d) / 500
        )
        energy = share * np.log(share) ** 2
        self._truth = np.empty(self.d)
        self._truth[self._column] = truth * np.sqrt(energy.sum() / (energy * truth**2).sum())

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        lengths = np.clip(rng.lognormal(np.log(self.words), 0.55, n), 4, 1500).astype(np.int64)
        drawn = self._word[rng.integers(0, len(self._word), lengths.sum(), dtype=np.uint32)]
        whole = np.int32 if n * self.d < 1 << 31 else np.int64
        cells = np.repeat(np.arange(n, dtype=whole) * whole(self.d), lengths) + drawn
        cells, counts = np.unique(cells, return_counts=True)
        row, column = cells // self.d, cells % self.d
        value = (1.0 + np.log(counts)) * self._idf[column]
        starts = np.searchsorted(row, np.arange(n + 1))
        value /= np.repeat(np.sqrt(np.add.reduceat(value * value, starts[:-1])), np.diff(starts))
        value = value.astype(self.dtype)
        X = sparse.csr_array((value, column.astype(np.int32), starts.astype(np.int32)), shape=(n, self.d))
        return X, _sign_by_logistic(rng, self.margin * (X @ self._truth) + self.shift)


class higgs_like(Generated):
    """Dense physics: momenta, angles and tags, seven columns made of the others, a label that is mostly not linear."""

    name = "higgs-like"
    d = 28
    block_rows = 65_536
    published = "HIGGS: 11,000,000 rows, 28 columns, dense, 53.0 % positive, linear AUC 0.68"

    def __init__(self, n: int = 11_000_000, seed: int = 0) -> None:
        super().__init__(n, seed)

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        X = np.empty((n, self.d), dtype=np.float32)
        X[:, :21] = rng.standard_normal((n, 21), dtype=np.float32)
        X[:, 0:21:4] = np.exp(0.5 * X[:, 0:21:4])  # transverse momenta
        X[:, 2:21:4] = (rng.random((n, 5), dtype=np.float32) - 0.5) * 3.486  # azimuth
        tags = np.array([0.0, 1.087, 2.173], dtype=np.float32)
        X[:, 3:21:4] = tags[rng.integers(0, 3, (n, 5))]  # b-tags
        for k in range(7):  # "high level": masses of pairs
            a, b = X[:, 4 * (k % 5)], X[:, 4 * ((k + 1 + k // 5) % 5)]
            angle = X[:, 4 * (k % 5) + 2] - X[:, 4 * ((k + 2) % 5) + 2]
            X[:, 21 + k] = np.sqrt(a * b * (1.02 - np.cos(angle))) + 0.1 * np.abs(X[:, 1 + 4 * (k % 5)])
        margin = (
            0.65 * (X[:, 21] - X[:, 24])
            - 0.8 * (X[:, 26] - 1)
            + 0.4 * np.abs(X[:, 5]) * X[:, 0]
            + 0.25 * X[:, 9]
        )
        return X, _sign_by_logistic(rng, margin - 0.36)


class alpha_like(Generated):
    """Dense and ill-conditioned: columns mixed by a fixed rotation, singular values from 1 to 1 / condition."""

    name = "alpha-like"
    d = 500
    published = (
        "alpha (Pascal 2008): 500,000 rows, 500 columns, dense, 50 % positive, best linear error 21.8 %"
    )

    def __init__(self, n: int = 500_000, seed: int = 0, condition: float = 1e3, d: int = 500) -> None:
        super().__init__(n, seed)
        self.d = d
        rng = self.rng(0)
        rotation, _ = np.linalg.qr(rng.standard_normal((self.d, self.d)))
        self._mix = (np.logspace(0, -np.log10(condition), self.d)[:, None] * rotation).astype(np.float32)
        self._truth = rng.standard_normal(self.d).astype(np.float32)

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        latent = rng.standard_normal((n, self.d), dtype=np.float32)
        margin = latent @ self._truth * np.float32(1.9 / np.sqrt(self.d))
        return latent @ self._mix, _sign_by_logistic(rng, margin.astype(np.float64))


class offset_trend(Generated):
    """Dense float32 columns far from zero, or drifting together with the row number; a linear target with noise."""

    name = "offset-trend"
    classification = False

    def __init__(
        self,
        n: int = 20_000,
        seed: int = 0,
        d: int = 20,
        offset: float = 0.0,
        trend: float = 0.0,
        noise: float = 0.1,
    ) -> None:
        super().__init__(n, seed)
        self.d, self.offset, self.trend, self.noise = d, offset, trend, noise
        self.published = f"mean/std {offset:g}, shared trend of {trend:g} standard deviations"
        rng = self.rng(0)
        self.truth = rng.standard_normal(d)
        self._slope = rng.uniform(0.5, 1.5, d)

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        time = (begin + np.arange(n))[:, None] / self.n
        own = rng.standard_normal((n, self.d))
        own += self.trend * time * self._slope
        # The target has mean 0 whatever the offset: a mean far from 0 would cost float32 predictions their digits.
        return (own + self.offset).astype(np.float32), own @ self.truth + self.noise * rng.standard_normal(n)


class dense_linear(Generated):
    """Dense float32 rows for files larger than memory: a linear truth, noise, columns of unlike scale and mean."""

    name = "dense-linear"
    classification = False
    published = "own: column scales 0.1 to 10, means up to 3 standard deviations, one common factor"

    def __init__(self, n: int = 5_000_000, seed: int = 0, d: int = 300) -> None:
        super().__init__(n, seed)
        self.d = d
        rng = self.rng(0)
        self.scale = np.logspace(-1, 1, d)[rng.permutation(d)].astype(np.float32)
        self.mean = (self.scale * rng.uniform(-3, 3, d)).astype(np.float32)
        self.truth = (rng.standard_normal(d) / np.sqrt(d)).astype(np.float32) / self.scale

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        X = rng.standard_normal((n, self.d), dtype=np.float32)
        X += 0.5 * rng.standard_normal((n, 1), dtype=np.float32)
        X *= self.scale
        y = X @ self.truth + np.float32(1 / 3) * rng.standard_normal(n, dtype=np.float32)
        X += self.mean
        return X, y.astype(np.float64)


class sparse_text(rcv1_like):
    """Narrow sparse rows for large text files: values are multiples of 1e-4, so that %.4f writes them exactly."""

    name = "sparse-text"
    published = "own: about 50 nonzeros a row in 2,000 Zipf columns, values k / 10000"
    margin, shift, words = 6.0, 0.0, 46.0

    def __init__(self, n: int = 3_600_000, seed: int = 0, d: int = 2_000) -> None:
        self.d = d
        super().__init__(n, seed, np.float64)

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        X, y = super()._rows(rng, n, begin)
        X.data = np.clip(np.rint(X.data * 10_000), 1, 9_999) / 10_000.0
        return X, y


class wide_sparse(Generated):
    """Sparse float32 rows of any width for least squares: power-law words of topics, tf-idf of unit norm, a noisy linear target.

    A word's rank is Zipf-Mandelbrot's. Half of a row's words come from its topic, which uses an eighth of each octave of ranks, so
    that columns go together at all frequencies; frequent words lie anywhere among the columns.
    """

    name = "wide-sparse"
    classification = False
    published = "own: power-law columns in 256 topics, half of the target's variance is noise"
    shift = 20.0  # Mandelbrot's: stop words are gone

    def __init__(
        self,
        n: int = 10_000_000,
        seed: int = 0,
        d: int = 1_000_000,
        words: float = 37.0,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(n, seed)
        self.d, self.words, self.dtype = d, words, np.dtype(dtype)
        rng = self.rng(0)
        self._offset = rng.integers(0, 1 << 40, (256, int(d).bit_length() + 1))
        self._column = rng.permutation(d).astype(np.int32)
        p = 1.0 / (np.arange(d) + self.shift)
        share = -np.expm1(1.1 * words * np.log1p(-p / p.sum()))  # of the rows that have the word, about
        self._idf = np.empty(d, np.float32)
        self._idf[self._column] = np.maximum(-np.log(share), 0.05)
        self._truth = rng.standard_normal(d).astype(np.float32)

    def _ranks(self, rng: np.random.Generator, lengths: np.ndarray) -> np.ndarray:
        total, c = int(lengths.sum()), self.shift
        rank = (c * np.exp(rng.random(total) * np.log((self.d + c) / c)) - c).astype(np.int64)
        np.minimum(rank, self.d - 1, out=rank)
        octave = np.frexp((rank + 1).astype(np.float64))[1] - 1
        base = (np.int64(1) << octave) - 1
        width = np.minimum(np.int64(1) << octave, self.d - base)
        topic = np.repeat(rng.integers(0, len(self._offset), len(lengths)), lengths)
        own = base + (self._offset[topic, octave] + (rank - base) % np.maximum(width >> 3, 1)) % width
        return np.where(rng.random(total, dtype=np.float32) < 0.5, own, rank)

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        lengths = np.clip(rng.lognormal(np.log(self.words), 0.5, n), 3, 1000).astype(np.int64)
        cells = np.repeat(np.arange(n, dtype=np.int64) * self.d, lengths)
        cells += self._column[self._ranks(rng, lengths)]
        cells, counts = np.unique(cells, return_counts=True)
        row, column = np.divmod(cells, self.d)
        value = (1 + np.log(counts)).astype(np.float32) * self._idf[column]
        starts = np.searchsorted(row, np.arange(n + 1))
        value /= np.repeat(np.sqrt(np.add.reduceat(value * value, starts[:-1])), np.diff(starts))
        X = sparse.csr_array(
            (value.astype(self.dtype), column.astype(np.int32), starts.astype(np.int32)), shape=(n, self.d)
        )
        return X, 3.0 + X @ self._truth + rng.standard_normal(n)


class webspam_like(Generated):
    """Wide and long sparse rows, as trigrams of web pages: power-law columns, unit norm, labels by a logistic model in these rows."""

    name = "webspam-like"
    d = 16_609_143
    block_rows = 512
    published = "webspam (trigram): 350,000 rows, 16,609,143 columns, 3,730 nonzeros a row, 60.6 % positive"
    margin = 14.0  # standard deviation of the true margin
    shift = 2_000.0  # Mandelbrot's
    drawn = 3_200.0  # median number of trigrams of a page, before repetitions are counted as one

    def __init__(self, n: int = 350_000, seed: int = 0) -> None:
        super().__init__(n, seed)
        rng = self.rng(0)
        self._column = rng.permutation(self.d).astype(np.int32)
        # Rarer trigrams say less, so that they can be learned.
        rank = np.arange(self.d, dtype=np.float32)
        self._truth = rng.standard_normal(self.d, dtype=np.float32) / (1 + rank / 20_000)
        _, m = self._margins(self.rng(2), 256)
        self._scale = self.margin / float(m.std())
        self._middle = float(np.quantile(m, 0.394))

    def _margins(self, rng: np.random.Generator, n: int) -> tuple[Any, np.ndarray]:
        lengths = np.clip(rng.lognormal(np.log(self.drawn), 0.6, n), 50, 50_000).astype(np.int64)
        c = self.shift
        # Half of a page's trigrams come from one of 64 stretches of the common ones: its subject.
        rank = (c * np.exp(rng.random(lengths.sum()) * np.log((self.d + c) / c)) - c).astype(np.int64)
        subject = np.repeat(rng.integers(0, 64, n), lengths)
        own = rng.random(len(rank)) < 0.3
        rank = np.where(own & (rank < 65_536), subject * 1024 + rank % 1024, np.minimum(rank, self.d - 1))
        cells, counts = np.unique(np.repeat(np.arange(n) * self.d, lengths) + rank, return_counts=True)
        row, rank = np.divmod(cells, self.d)
        value = (1 + np.log(counts)).astype(np.float32)
        starts = np.searchsorted(row, np.arange(n + 1))
        value /= np.repeat(np.sqrt(np.add.reduceat(value * value, starts[:-1])), np.diff(starts))
        by_rank = sparse.csr_array((value, rank.astype(np.int32), starts.astype(np.int32)), shape=(n, self.d))
        margin = by_rank @ self._truth
        X = sparse.csr_array((value, self._column[rank], by_rank.indptr), shape=(n, self.d))
        X.sort_indices()
        return X, margin

    def _rows(self, rng: np.random.Generator, n: int, begin: int) -> tuple[Any, np.ndarray]:
        X, margin = self._margins(rng, n)
        return X, _sign_by_logistic(rng, self._scale * (margin.astype(np.float64) - self._middle))


GENERATORS: dict[str, type[Generated]] = {
    g.name: g
    for g in (
        rcv1_like,
        higgs_like,
        alpha_like,
        offset_trend,
        dense_linear,
        sparse_text,
        wide_sparse,
        webspam_like,
    )
}


def main() -> None:
    """Print each generator's published and own statistics."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=main.__doc__)
    parser.add_argument("name", nargs="*", default=list(GENERATORS), help=", ".join(GENERATORS))
    for name in parser.parse_args().name:
        made = GENERATORS[name]()
        facts = made.statistics()
        print(f"{name}: {made.published}")
        print("  here: " + ", ".join(f"{k} {v:,.6g}" for k, v in facts.items()))


if __name__ == "__main__":
    main()
