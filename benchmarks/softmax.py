"""All classes in one loss, or each told from the rest? Test error, test log loss and seconds of both, and of the exact solver.

`python -m benchmarks.softmax [--data digits letters ...]` fits `SGDClassifier` with its defaults and `loss="softmax"` or `"log_loss"`,
for several seeds; real sets of 10 to 45 classes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.datasets import Split, load
from benchmarks.debian import unpacked
from benchmarks.race.real import fashion_mnist

SEEDS = 3


def _parted(name: str, X: Any, y: np.ndarray) -> Split:
    """A fifth of the rows held out at random."""
    test = np.random.default_rng(1).random(len(y)) < 0.2
    return Split(name, "a fifth of the rows", X[~test], y[~test], X[test], y[test])


def _letters() -> Split:
    """Which letter is it? Sixteen numbers of its shape."""
    import rdata

    folder = unpacked("r-cran-mlbench") / "usr/lib/R/site-library/mlbench/data"
    frame = rdata.read_rda(folder / "LetterRecognition.rda", default_encoding="utf8")["LetterRecognition"]
    X = frame.drop(columns="lettr").to_numpy(dtype=np.float32)
    return _parted("letters", X, frame["lettr"].astype(str).to_numpy())


def _fashion() -> Split:
    """Which of ten kinds of clothes does a picture show?"""
    return Split("fashion-mnist", "its own", *fashion_mnist())


def _wordnet() -> Split:
    """Which of 45 kinds of things, acts and properties does a gloss define? Its words and pairs of words, hashed."""
    from sklearn.feature_extraction.text import HashingVectorizer

    folder, glosses, kinds = unpacked("wordnet-base") / "usr/share/wordnet", [], []
    for part in ("noun", "verb", "adj", "adv"):
        with open(folder / f"data.{part}", encoding="utf-8") as file:
            for text in file:
                if text[0] != " " and " | " in text:
                    facts, gloss = text.split(" | ", 1)
                    glosses.append(gloss.strip())
                    kinds.append(int(facts.split(" ", 2)[1]))
    hashed = HashingVectorizer(n_features=1 << 18, alternate_sign=False, dtype=np.float32, ngram_range=(1, 2))
    return _parted("wordnet", hashed.transform(glosses), np.array(kinds))


DATA: dict[str, Callable[[], Split]] = {
    "digits": lambda: load("digits"),
    "letters": _letters,
    "fashion-mnist": _fashion,
    "wordnet": _wordnet,
}


def _exact(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    return make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=1000))


def _learners(exact: bool) -> dict[str, Callable[[int], Any]]:
    from esker.linear_model import SGDClassifier

    found: dict[str, Callable[[int], Any]] = {
        f'SGDClassifier("{loss}")': lambda seed, loss=loss: SGDClassifier(loss, random_state=seed)
        for loss in ("softmax", "log_loss")
    }
    return found | ({"scikit-learn LogisticRegression, scaled": _exact} if exact else {})


def main() -> None:
    """Print each learner's medians over seeds."""
    from sklearn.metrics import log_loss

    parser = argparse.ArgumentParser(prog="python -m benchmarks.softmax", description=main.__doc__)
    parser.add_argument("--data", choices=list(DATA), nargs="*", default=list(DATA))
    parser.add_argument("--exact", action="store_true", help="also scikit-learn's LogisticRegression")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    for name in given.data:
        data = DATA[name]()
        print(data, f"{len(np.unique(data.y))} classes", flush=True)
        for learner, make in _learners(given.exact).items():
            found = []
            for seed in range(1 if make is _exact else given.seeds):
                began = time.perf_counter()
                model = make(seed).fit(data.X, data.y)
                seconds = time.perf_counter() - began
                p = model.predict_proba(data.X_test)
                wrong = float(np.mean(model.classes_[p.argmax(axis=1)] != data.y_test))
                found.append((seconds, wrong, float(log_loss(data.y_test, p, labels=model.classes_))))
            seconds, wrong, loss = np.median(found, axis=0)
            print(
                f"  {learner:40s} {seconds:6.2f} s, test error {wrong:.4f}, test log loss {loss:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
