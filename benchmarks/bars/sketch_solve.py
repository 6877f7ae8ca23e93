"""`LinearRegression(solver="sketch")` on dense float64 rows against LAPACK's least squares: time, backward and forward error; the walk's floor.

Each contender has a process of its own with the rows in memory, and they take turns. Errors are told by singular values of X, once. The peers
solve the centred rows, which they are given, and their time leaves the centring out.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy import linalg

from benchmarks.bars import line
from benchmarks.contest import ROOT, thread_limits
from benchmarks.datasets import data_folder

__all__ = ["run"]

#: (rows, columns, condition): peers of which the faster counts, ratio to reach, share of rows at small scale.
CELLS = {
    (200_000, 500, 1e6): (("gelsy", "gelsd"), 4.0, 10),
    (500_000, 1000, 1e12): (("gelsy",), 10.0, 50),
}
#: Backward error against QR's, forward error against gelsy's.
WORSE = 10.0


def rows(n: int, d: int, condition: float) -> tuple[Any, Any, Any]:
    """X with singular values from 1 to 1 / condition, nearly; y with a residual of a hundredth; coefficients."""
    rng = np.random.default_rng(0)
    V = np.linalg.qr(rng.standard_normal((d, d)))[0]
    mix = np.logspace(0, -np.log10(condition), d)[:, None] * V.T / np.sqrt(n)
    X = np.empty((n, d))
    for i in range(0, n, 8192):
        part = rng.standard_normal((min(8192, n - i), d))
        X[i : i + 8192] = part @ mix
    X -= X.mean(axis=0)
    w = V @ rng.standard_normal(d)
    y = X @ w
    y += 0.01 * np.linalg.norm(y) / np.sqrt(n) * rng.standard_normal(n)
    return X, y - y.mean(), w


class Errors:
    """Backward errors by Karlson and Walden's estimate, and distances from a reference, of coefficients."""

    def __init__(self, X: Any, y: Any) -> None:
        self.X, self.y = X, y
        _, R = _qr(X)
        _, self.s, self.Vt = linalg.svd(R)

    def backward(self, w: Any) -> float:
        """Relative to the Frobenius norm; the slope in extended precision."""
        r, g = np.empty(len(self.y)), np.zeros(self.X.shape[1], np.longdouble)
        wide = w.astype(np.longdouble)
        for i in range(0, len(r), 4096):
            part = self.X[i : i + 4096].astype(np.longdouble)
            miss = self.y[i : i + 4096] - part @ wide
            r[i : i + 4096] = miss
            g += part.T @ miss
        theta = np.linalg.norm(self.s) / np.linalg.norm(self.y)
        share = theta / np.sqrt(1 + theta**2 * float(w @ w))
        weighed = self.Vt @ g.astype(np.float64) / np.sqrt(self.s**2 + (share * np.linalg.norm(r)) ** 2)
        return float(share * np.linalg.norm(weighed) / np.linalg.norm(self.s))

    def refined(self, w: Any) -> Any:
        """Coefficients of a residual in extended precision, for forward errors to be measured from."""
        for _ in range(3):
            g, wide = np.zeros(len(w), np.longdouble), np.asarray(w, np.longdouble)
            for i in range(0, len(self.y), 4096):
                part = self.X[i : i + 4096].astype(np.longdouble)
                g += part.T @ (self.y[i : i + 4096] - part @ wide)
            w = wide + self.Vt.T @ ((self.Vt @ g.astype(np.float64)) / self.s**2)
        return np.asarray(w, np.float64)


def _qr(X: Any) -> tuple[None, Any]:
    R = np.zeros((0, X.shape[1]))
    for i in range(0, len(X), 16384):
        R = np.linalg.qr(np.vstack([R, X[i : i + 16384]]), mode="r")
    return None, R


def run(scale: str, runs: int = 3) -> bool:
    """A line for each cell; at scale small with a part of the rows, where the ratio is printed only."""
    holds = [_cell(n, d, c, *rest, scale, runs) for (n, d, c), rest in CELLS.items()]
    return all(holds)


def _cell(
    n: int, d: int, condition: float, peers: tuple[str, ...], ratio: float, share: int, scale: str, runs: int
) -> bool:
    full = scale == "full"
    n = n if full else n // share
    names = ["esker", *peers, "geqrf"]
    with tempfile.TemporaryDirectory(prefix="sketch-solve-", dir=data_folder()) as folder:
        X, y, _ = rows(n, d, condition)
        np.save(Path(folder) / "X.npy", X)
        np.save(Path(folder) / "y.npy", y)
        errors = Errors(X, y)
        seconds: dict[str, list[float]] = {name: [] for name in names}
        with ExitStack() as stack:
            if full and X.nbytes > 2e9:  # one at a time: each has a copy, and LAPACK another
                firsts = []
                del X
                errors.X = np.load(Path(folder) / "X.npy", mmap_mode="r")
                for name in names:
                    with _Side(name, folder) as side:
                        firsts.append(side.hear())
                        seconds[name] = [side.go()["seconds"] for _ in range(runs if name == "esker" else 1)]
            else:
                sides = [stack.enter_context(_Side(name, folder)) for name in names]
                firsts = [side.hear() for side in sides]
                for _ in range(runs):
                    for name, side in zip(names, sides):
                        seconds[name].append(side.go()["seconds"])
        coefs = {name: np.asarray(f["coef"]) for name, f in zip(names, firsts)}
        backward = {name: errors.backward(coefs[name]) for name in names}
        exact = errors.refined(coefs["esker"])
        forward = {name: np.linalg.norm(w - exact) / np.linalg.norm(exact) for name, w in coefs.items()}
    median = {name: statistics.median(s) for name, s in seconds.items()}
    peer = min(peers, key=median.__getitem__)
    found = median[peer] / median["esker"]
    qr = backward["gelsy"]
    told = ", ".join(
        f"{name} {median[name]:.2f} s (backward error {backward[name]:.0e}, forward {forward[name]:.0e})"
        for name in names
    )
    ours = firsts[0]
    floor = (
        f"{ours['passes']} walks, floor {ours['passes'] * ours['walk']:.2f} s of plain reading, "
        f"backward error as estimated {ours['estimate']:.0e}, sketch of {ours['size']} rows"
    )
    holds = found >= ratio or not full
    holds &= backward["esker"] <= WORSE * qr and forward["esker"] <= WORSE * max(forward["gelsy"], 1e-16)
    return line(
        holds,
        f"{n:,} x {d}, condition {condition:.0e}: {found:.2f}x (>= {ratio:g}x) of {peer}; {told}; {floor}",
    )


class _Side:
    """The parent's end of a contender's process."""

    def __init__(self, name: str, folder: str) -> None:
        self.command = [sys.executable, "-m", "benchmarks.bars.sketch_solve", name, folder]

    def __enter__(self) -> _Side:
        environment = {**os.environ, **thread_limits(2)}
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment
        )
        return self

    def hear(self) -> dict[str, Any]:
        said = self._child.stdout.readline()
        if not said:
            raise RuntimeError(f"{self.command} ended with {self._child.wait()}")
        return json.loads(said)

    def go(self) -> dict[str, Any]:
        self._child.stdin.write("go\n")
        self._child.stdin.flush()
        return self.hear()

    def __exit__(self, *problem: object) -> None:
        if problem[0] is not None:
            self._child.kill()
        with self._child:
            pass


def main() -> None:
    """A contender's process: solve on every line read."""
    name, folder = sys.argv[1:]
    X, y = np.load(Path(folder) / "X.npy"), np.load(Path(folder) / "y.npy")
    told: dict[str, Any] = {}
    if name == "esker":
        from esker.linear_model import LinearRegression

        model = LinearRegression(solver="sketch", fit_intercept=False, random_state=0)

        def solve() -> Any:
            return model.fit(X, y).coef_

        solve()
        began = perf_counter()
        X.sum()  # one thread reads about as fast as the memory gives
        told = {"walk": perf_counter() - began, "passes": model.n_iter_, "size": model.plan_["sketch_size"]}
        told["estimate"] = model.backward_error_
    elif name == "geqrf":

        def solve() -> Any:
            (factor, tau), R = linalg.qr(X, mode="raw", check_finite=False)
            d = X.shape[1]
            right, _, _ = linalg.lapack.dormqr("L", "T", factor, tau, y[:, None], max(1, 64 * 1))
            return linalg.solve_triangular(R[:d, :d], right[:d, 0])
    else:

        def solve() -> Any:
            return linalg.lstsq(X, y, cond=1e-18, lapack_driver=name, check_finite=False)[0]

    print(json.dumps({"coef": np.asarray(solve()).tolist(), **told}), flush=True)
    for _ in sys.stdin:
        began = perf_counter()
        solve()
        print(json.dumps({"seconds": perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
