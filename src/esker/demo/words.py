"""Words of eight languages as hashed character n-grams: is a word Germanic or Romance? Written as svmlight text.

The words and their frequencies come from the package wordfreq: the most frequent spellings of English, German, Dutch,
Swedish (+1) and of French, Spanish, Italian, Portuguese (-1). A spelling in several languages counts once, for the
family in which it is more frequent. Rows are in random order; the last ones are the test set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from esker.demo import cache

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COLUMNS", "hash_ngrams", "prepare", "svmlight_lines"]

FAMILIES = {"en": 1, "de": 1, "nl": 1, "sv": 1, "fr": -1, "es": -1, "it": -1, "pt": -1}
#: Columns that n-grams are hashed into.
COLUMNS = 1 << 18
#: Lengths of the n-grams, the word's two ends counting as characters.
LENGTHS = (2, 3, 4)
#: Words (train, test) of each size; "tiny" is for tests.
SIZES = {"full": (850_000, 100_000), "tiny": (3_000, 1_000)}
#: Words hashed and written at a time.
CHUNK = 25_000
_END = 10  # the character that stands for a word's two ends


def prepare(size: str = "full") -> cache.DataSet:
    """Write ``words-train`` and ``words-test`` into the cache and describe them; quick if they are there.

    Raises
    ------
    ModuleNotFoundError
        If wordfreq is not installed.
    """
    found = cache.ready("words", size)
    if found is not None:
        return found
    n_train, n_test = SIZES[size]
    cache.need_space(300 * (n_train + n_test))
    words, labels = _most_frequent(n_train + n_test, ["en", "fr"] if size == "tiny" else list(FAMILIES))
    order = np.random.default_rng(20).permutation(len(words))
    words, labels = [words[i] for i in order], labels[order]

    def file(role: str, begin: int, end: int) -> dict[str, Any]:
        path = cache.write_whole(
            f"words-{size}-{role}.svm", lambda out: _write(out, words[begin:end], labels[begin:end])
        )
        return {"file": path, "rows": end - begin}

    description = {
        "name": "words",
        "title": "Is a word Germanic or Romance?",
        "about": f"{len(words):,} distinct words of {'2' if size == 'tiny' else '8'} languages from wordfreq, "
        f"character 2- to 4-grams hashed to {COLUMNS:,} columns; svmlight text",
        "split": f"{n_test:,} words drawn at random are the test set, and the other {n_train:,} train; "
        "inflected forms of one word may be on both sides",
        "task": "classification",
        "measure": "test error, % of words",
        "columns": COLUMNS,
        "train": file("train", 0, n_train),
        "test": file("test", n_train, n_train + n_test),
    }
    majority = 1.0 if labels[:n_train].mean() > 0 else -1.0
    description["baseline"] = {
        "label": "the more frequent class",
        "error": 100 * float(np.mean(labels[n_train:] != majority)),
    }
    return cache.finish(description, "words", size)


def _most_frequent(n: int, languages: list[str]) -> tuple[list[str], NDArray[np.int8]]:
    """The `n` most frequent spellings, and the family of each."""
    from wordfreq import get_frequency_list

    best: dict[str, tuple[int, int]] = {}
    for language in languages:
        family = FAMILIES[language]
        for rank, words in enumerate(
            get_frequency_list(language, "large")
        ):  # one list for each 0.01 in log10
            for word in words:
                seen = best.get(word)
                if seen is None or rank < seen[0]:
                    best[word] = (rank, family)
    kept = [(rank, word, family) for word, (rank, family) in best.items() if len(word) > 2 and word.isalpha()]
    kept.sort()
    if len(kept) < n:
        raise ValueError(f"expected at least {n:,} words in wordfreq, found {len(kept):,}; upgrade wordfreq")
    return [word for _, word, _ in kept[:n]], np.array([family for _, _, family in kept[:n]], dtype=np.int8)


def hash_ngrams(words: list[str], columns: int = COLUMNS) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The columns of each word's n-grams, ascending and distinct within a word.

    Returns
    -------
    indptr : ndarray of shape (len(words) + 1,)
    indices : ndarray
        As in a CSR matrix whose stored values are all 1.

    >>> indptr, indices = hash_ngrams(["on", "no"], 1 << 18)
    >>> indptr.tolist(), len(set(indices[:6]) & set(indices[6:]))
    ([0, 6, 12], 0)
    """
    text = "\n" + "\n".join(words) + "\n"
    characters = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    ends = np.flatnonzero(characters == _END)
    row = np.zeros(len(characters), dtype=np.int64)
    row[ends[1:-1]] = 1
    row = np.cumsum(row)  # an end counts to the word it starts ...
    keys = []
    code = characters.copy()
    inner = np.zeros(len(characters) + max(LENGTHS), dtype=np.int64)
    inner[ends] = 1
    crossed = np.cumsum(inner)  # ... so an n-gram lies within a word if no end is strictly inside it
    for n in range(2, max(LENGTHS) + 1):
        m = len(characters) - n + 1
        code = code[:m] * np.uint64(0x9E3779B97F4A7C15) ^ characters[n - 1 :]
        if n not in LENGTHS:
            continue
        within = crossed[n - 2 : n - 2 + m] == crossed[:m]
        mixed = (code ^ code >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        column = (mixed % np.uint64(columns)).astype(np.int64)
        keys.append((row[:m] * columns + column)[within])
    key = np.concatenate(keys)
    key.sort()
    key = key[np.concatenate(([True], key[1:] != key[:-1]))]
    return np.searchsorted(key, np.arange(len(words) + 1) * columns), key % columns


def svmlight_lines(
    labels: NDArray[np.int8], indptr: NDArray[np.int64], indices: NDArray[np.int64], table: NDArray[np.bytes_]
) -> bytes:
    """Rows as svmlight text: every token is looked up in `table`, and the zero bytes between are dropped.

    >>> svmlight_lines(np.array([1, -1]), np.array([0, 2, 3]), np.array([0, 7, 3]), token_table(8))
    b'1 1:1 8:1\\n-1 4:1\\n'
    """
    columns = len(table) - 2
    where = np.arange(len(indices)) + np.repeat(np.arange(1, len(labels) + 1), np.diff(indptr))
    tokens = np.empty(len(indices) + len(labels), dtype=np.int64)
    tokens[where] = indices
    tokens[indptr[:-1] + np.arange(len(labels))] = np.where(labels > 0, columns, columns + 1)
    raw = table[tokens].view(np.uint8)
    text: bytes = raw[raw != 0].tobytes()
    return text[1:] + b"\n"


def token_table(columns: int) -> NDArray[np.bytes_]:
    """The text of every token: each column, counted from 1, with its value 1, then the two labels."""
    return np.array([f" {j}:1".encode() for j in range(1, columns + 1)] + [b"\n1", b"\n-1"])


def _write(out: Any, words: list[str], labels: NDArray[np.int8]) -> None:
    table = token_table(COLUMNS)
    for begin in range(0, len(words), CHUNK):
        indptr, indices = hash_ngrams(words[begin : begin + CHUNK])
        out.write(svmlight_lines(labels[begin : begin + CHUNK], indptr, indices, table))
