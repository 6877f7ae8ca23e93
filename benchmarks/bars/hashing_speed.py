"""HashingVectorizer, (1,2)-grams of 200,000 short real texts: 20x scikit-learn's, the matrix identical to the bit."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from benchmarks.bars import line
from benchmarks.glosses import short_texts

TEXTS = {"small": 40_000, "full": 200_000}
#: A column and a float64.
BYTES_AN_ENTRY = 12


def _timed(vectorizer: Any, texts: list[str]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = vectorizer.transform(texts)
    return time.perf_counter() - began, made


def _floor(texts: list[str], entries: int) -> float:
    """Seconds to read every byte of the texts once and to write the matrix once, on one core."""
    joined = np.frombuffer("".join(texts).encode(), np.uint8)
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        joined.max()
        np.zeros(entries * BYTES_AN_ENTRY, np.uint8).fill(1)
        best = min(best, time.perf_counter() - began)
    return float(best)


def run(scale: str) -> bool:
    """Medians of alternating runs."""
    from sklearn.feature_extraction.text import HashingVectorizer as Theirs

    from esker.feature_extraction.text import HashingVectorizer

    texts = short_texts(TEXTS[scale])
    size = sum(len(text.encode()) for text in texts) / 1e6
    times: dict[str, list[float]] = {"esker": [], "scikit-learn": []}
    made: dict[str, Any] = {}
    for _ in range(5):
        for name, kind in (("esker", HashingVectorizer), ("scikit-learn", Theirs)):
            for _ in range(3 if name == "esker" else 1):
                took, made[name] = _timed(kind(ngram_range=(1, 2)), texts)
                times[name].append(took)
    ours, theirs = (statistics.median(times[name]) for name in ("esker", "scikit-learn"))
    print(
        f"  {len(texts):,} texts, {size:.1f} MB, {made['esker'].nnz:,} entries; esker {1e3 * ours:.0f} ms "
        f"({size / ours:.0f} MB/s), scikit-learn {1e3 * theirs:.0f} ms ({size / theirs:.1f} MB/s), bytes in and out alone "
        f"{1e3 * _floor(texts, made['esker'].nnz):.0f} ms"
    )
    same = all(
        getattr(made["esker"], part).tobytes() == getattr(made["scikit-learn"], part).tobytes()
        for part in ("indptr", "indices", "data")
    )
    holds = line(same, "the same matrix, to the bit")
    return line(theirs >= 20 * ours, f"{theirs / ours:.1f}x scikit-learn (bound 20x)") and holds
