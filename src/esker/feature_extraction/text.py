"""HashingVectorizer: scikit-learn's, to the bit, from documents that are read and hashed natively on every core."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer as _Parent

from esker._native import core, threads
from esker.blocks import Blocks
from esker.blocks.records import Records, Strings
from esker.feature_extraction._rows import as_scikit_learn, chunks, csr, map_records

__all__ = ["HashingVectorizer"]

_WORDS = r"(?u)\b\w\w+\b"


class HashingVectorizer(_Parent, auto_wrap_output_keys=None):  # type: ignore[call-arg,misc]
    r"""Documents to rows of hashed n-gram counts.

    Parameters, errors, warnings and the resulting matrix are those of `sklearn.feature_extraction.text.HashingVectorizer`,
    which this is a subclass of. Words and character n-grams are cut, lower-cased and hashed natively; ``preprocessor``, ``tokenizer``,
    another ``token_pattern`` and a callable ``analyzer`` run as Python code as before, and their n-grams are hashed natively.

    Beside lists of documents it takes `Blocks` that hold one text column, and gives lazy Blocks of sparse rows.

    Parameters
    ----------
    input : {"filename", "file", "content"}
        What the documents are: names of files, files, or str or bytes.
    encoding : str
        Of documents that are bytes.
    decode_error : {"strict", "ignore", "replace"}
        What becomes of bytes that are not of `encoding`.
    strip_accents : {"ascii", "unicode"}, callable or None
        Leave out accents; by NFKD.
    lowercase : bool
        As ``str.lower`` does.
    preprocessor : callable, optional
        From a document to the text that is cut; instead of `lowercase` and `strip_accents`.
    tokenizer : callable, optional
        From a text to its words.
    stop_words : {"english"}, list or None
        Words to leave out.
    token_pattern : str or None
        Regular expression of a word; by default two or more letters, digits or underscores.
    ngram_range : tuple of (int, int)
        The shortest and the longest n-grams.
    analyzer : {"word", "char", "char_wb"} or callable
        N-grams of words, of characters, of characters within words padded by spaces; or a function from a document to its n-grams.
    n_features : int
        Columns.
    binary : bool
        1 for every n-gram that occurs, instead of its count.
    norm : {"l1", "l2"} or None
        What rows are divided by.
    alternate_sign : bool
        Half of the columns' hashes count as -1, so that collisions cancel on average.
    dtype : dtype
        Of the rows.

    See Also
    --------
    esker.feature_extraction.FeatureHasher : The same for what has been cut already.

    Examples
    --------
    >>> from esker.feature_extraction.text import HashingVectorizer
    >>> X = HashingVectorizer(ngram_range=(1, 2), n_features=2**18).transform(["A short text.", "another short text"])
    >>> X.shape, X.nnz
    ((2, 262144), 8)
    """

    #: `open_blocks(..., features=)` gives texts, not numbers.
    reads_records = True

    def transform(self, X: Any) -> Any:
        """Rows of these documents.

        Parameters
        ----------
        X : iterable of documents; or Blocks with one text column
            A text that is missing in Blocks is a document without words.

        Returns
        -------
        sparse matrix of shape (n, n_features), or Blocks
        """
        if isinstance(X, str):
            raise ValueError("Iterable over raw text documents expected, string object received.")
        self._validate_ngram_range()
        if isinstance(X, Blocks):
            if self.input != "content":
                raise ValueError(f"Blocks hold the documents themselves, got input={self.input!r}")
            return map_records(X, self._records, type(self).__name__, self.n_features, self.dtype)
        if isinstance(X, Records):
            return as_scikit_learn(self._records(X))
        if self._dtype() is None:
            return super().transform(X)
        return as_scikit_learn(self._documents(X))

    def to_sklearn(self) -> Any:
        """scikit-learn's own estimator of the same parameters.

        Returns
        -------
        sklearn.feature_extraction.text.HashingVectorizer
        """
        return _Parent(**self.get_params(deep=False))

    # --- inside ---

    def _dtype(self) -> Any:
        """The dtype where it is one of the two that the kernels write."""
        dtype = np.dtype(self.dtype)
        return dtype if dtype in (np.dtype(np.float32), np.dtype(np.float64)) else None

    def _is_native(self) -> bool:
        """Whether the analyzer is one that the kernels know."""
        if callable(self.analyzer) or self.preprocessor is not None or callable(self.strip_accents):
            return False
        low, high = self.ngram_range
        if not (isinstance(low, int) and isinstance(high, int) and 1 <= low <= high < 2**31):
            return False
        return self.analyzer != "word" or (self.tokenizer is None and self.token_pattern == _WORDS)

    def _hasher(self, stop_words: Iterable[Any] | None) -> Any:
        native = self._is_native()
        stop = None
        if stop_words is not None and native:
            # A word has no surrogates, so stop words that have some never match.
            texts = (w.encode("utf-8", "surrogatepass") for w in stop_words if isinstance(w, str))
            stop = [text.decode() for text in texts if _is_utf8(text)]
        low, high = self.ngram_range if native else (1, 1)
        return core.Documents(
            unit=self.analyzer if native else "word",
            shortest=low,
            longest=high,
            n_features=self.n_features,
            alternate_sign=bool(self.alternate_sign),
            binary=bool(self.binary),
            norm=self.norm or "none",
            lowercase=bool(self.lowercase),
            accents=self.strip_accents is not None,
            stop=stop,
            float32=np.dtype(self.dtype) == np.float32,
        )

    def _prepare(self) -> Callable[[Any], str]:
        """From a document to its text, as scikit-learn's analyzer has it."""
        decode, preprocess = self.decode, self.build_preprocessor()

        def prepare(document: Any) -> str:
            return preprocess(decode(document))  # type: ignore[no-any-return]

        return prepare

    def _documents(self, X: Iterable[Any]) -> sparse.csr_array:
        analyze = self.build_analyzer()  # checks the stop words, too
        hasher = self._hasher(self.get_stop_words() if self.analyzer == "word" else None)
        with threads(None):
            if self._is_native() and self.input == "content":
                prepare = self._prepare()
                for some in chunks(X):
                    hasher.add(some, prepare)
            else:
                hasher.add_ngrams(analyze(document) for document in X)
        made = hasher.take()
        if len(made[2]) == 1:
            raise ValueError("Cannot vectorize empty sequence.")
        return csr(made, self.n_features)

    def _records(self, records: Records) -> sparse.csr_array:
        texts = self._text_column(records)
        if not self._is_native():
            return csr(self._analyzed("" if t is None else t for t in texts.tolist()), self.n_features)
        hasher = self._hasher(self.get_stop_words() if self.analyzer == "word" else None)
        offsets = np.ascontiguousarray(texts.offsets, np.int64)
        with threads(None):
            hasher.add_strings(texts.data, offsets, texts.missing, texts.codes, self._prepare())
        return csr(hasher.take(), self.n_features)

    def _analyzed(self, documents: Iterable[str]) -> Any:
        hasher = self._hasher(None)
        hasher.add_ngrams(map(self.build_analyzer(), documents))
        return hasher.take()

    def _text_column(self, records: Records) -> Strings:
        texts = {name: column for name, column in records.columns.items() if isinstance(column, Strings)}
        if len(texts) != 1 or len(records.columns) != 1:
            kinds = ", ".join(
                f"{name} ({'text' if name in texts else 'numbers'})" for name in records.columns
            )
            raise ValueError(
                f"HashingVectorizer takes one text column, got {kinds or 'none'}; name it: open_blocks(..., columns=[...])"
            )
        return next(iter(texts.values()))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
