"""FeatureHasher: scikit-learn's, to the bit; samples are walked and hashed natively."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher as _Parent

from esker._native import core, threads
from esker.blocks import Blocks
from esker.blocks.records import Records, Strings
from esker.feature_extraction._rows import as_scikit_learn, csr, map_records

__all__ = ["FeatureHasher"]


class FeatureHasher(_Parent):  # type: ignore[misc]
    """Samples of names, or of names and values, to rows of hashed features.

    Parameters, errors and the resulting matrix are those of `sklearn.feature_extraction.FeatureHasher`, which this is a
    subclass of. Beside samples it takes `Blocks` of tables (``input_type="dict"``): a row is the dict of its columns, a text
    counting as ``column=text``, as ``DataFrame.to_dict("records")`` would give it; what is missing is left out. For tables
    `TableHasher` is faster and knows crosses.

    Parameters
    ----------
    n_features : int
        Columns.
    input_type : {"dict", "pair", "string"}
        Samples are dicts of names and values, iterables of such pairs, or iterables of names, which count 1.
    dtype : dtype
        Of the values.
    alternate_sign : bool
        Half of the names' hashes count as -1, so that collisions cancel on average.

    See Also
    --------
    esker.feature_extraction.TableHasher : Mixed tables.
    esker.feature_extraction.text.HashingVectorizer : Documents.

    Examples
    --------
    >>> from esker.feature_extraction import FeatureHasher
    >>> X = FeatureHasher(n_features=10).transform([{"dog": 1, "cat": 2, "elephant": 4}, {"dog": 2, "run": 5}])
    >>> X.toarray()
    array([[ 0.,  0., -4., -1.,  0.,  0.,  0.,  0.,  0.,  2.],
           [ 0.,  0.,  0., -2., -5.,  0.,  0.,  0.,  0.,  0.]])
    """

    #: `open_blocks(..., features=)` gives tables, not numbers.
    reads_records = True

    def transform(self, raw_X: Any) -> Any:
        """Rows of these samples.

        Parameters
        ----------
        raw_X : iterable of samples, or Blocks of tables

        Returns
        -------
        sparse matrix of shape (n, n_features), or Blocks
        """
        if isinstance(raw_X, Blocks | Records):
            if self.input_type != "dict":
                raise ValueError(
                    f'a row of a table is a dict of its columns: input_type="dict", got {self.input_type!r}'
                )
            if isinstance(raw_X, Records):
                return as_scikit_learn(self._records(raw_X))
            return map_records(raw_X, self._records, type(self).__name__, self.n_features, self.dtype)
        if np.dtype(self.dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
            return super().transform(raw_X)
        samples = iter(raw_X)
        if self.input_type == "string":
            first = next(samples, None)
            if isinstance(first, str):
                raise ValueError(
                    "Samples can not be a single string. The input must be an iterable"
                    " over iterables of strings."
                )
            samples = samples if first is None else chain([first], samples)
        made = self._hashed(samples)
        if made.shape[0] == 0:
            raise ValueError("Cannot vectorize empty sequence.")
        return as_scikit_learn(made)

    def to_sklearn(self) -> Any:
        """scikit-learn's own estimator of the same parameters.

        Returns
        -------
        sklearn.feature_extraction.FeatureHasher
        """
        return _Parent(**self.get_params(deep=False))

    def _hashed(self, samples: Iterable[Any]) -> sparse.csr_array:
        with threads(None):
            made = core.hash_samples(
                samples,
                kind=self.input_type,
                n_features=self.n_features,
                alternate_sign=bool(self.alternate_sign),
                float32=np.dtype(self.dtype) == np.float32,
            )
        return csr(made, self.n_features)

    def _records(self, records: Records) -> sparse.csr_array:
        return self._hashed(_dicts(records))


def _dicts(records: Records) -> Iterator[dict[str, Any]]:
    """The rows as dicts; what is missing is left out."""
    columns = [
        column.tolist() if isinstance(column, Strings) else np.asarray(column).tolist()
        for column in records.columns.values()
    ]
    names = list(records.columns)
    for row in zip(*columns):
        yield {name: value for name, value in zip(names, row) if value is not None and value == value}
