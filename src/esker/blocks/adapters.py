"""Objects of other libraries that hand out batches, as functions that begin a walk; and their arrays as NumPy's or SciPy's.

Nothing is imported: an object is known by its methods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["adapted", "as_array", "is_sequences"]


def is_sequences(source: Any) -> bool:
    """Whether this is a lightgbm.Sequence, or a list of them: rows by slices, ``batch_size`` at a time."""
    if isinstance(source, list | tuple):
        return bool(source) and all(not isinstance(one, list | tuple) and is_sequences(one) for one in source)
    methods = all(hasattr(type(source), name) for name in ("__getitem__", "__len__"))
    return methods and hasattr(source, "batch_size") and not hasattr(type(source), "__iter__")


def adapted(source: Any) -> Any:
    """A function that begins a walk, where the object has a protocol of its own; else the object."""
    if isinstance(source, type):
        raise TypeError(f"open_blocks takes an object, got the class {source.__name__}; make one of it")
    if callable(getattr(source, "next", None)) and callable(getattr(source, "reset", None)):
        return lambda: _data_iter(source)
    methods = type(source)
    if hasattr(methods, "__getitem__") and hasattr(methods, "__len__") and not hasattr(methods, "__iter__"):
        raise TypeError(
            f"a {methods.__name__} gives single items by their number; wrap it in what makes batches, such as "
            "torch.utils.data.DataLoader(dataset, batch_size=4096)"
        )
    return source


def _data_iter(source: Any) -> Iterator[Any]:
    """The batches of an xgboost.DataIter."""
    given: list[Any] = []

    def input_data(
        data: Any = None, label: Any = None, weight: Any = None, feature_names: Any = None, **more: Any
    ) -> None:
        for name, value in more.items():
            if value is not None and name != "feature_types":
                raise ValueError(
                    f"{name}= of input_data has no place in Blocks, which take data, label and weight"
                )
        if data is None:
            raise ValueError("input_data was called without data")
        given.append((data, label, weight, feature_names))

    source.reset()
    while source.next(input_data):
        if not given:
            raise ValueError(
                f"{type(source).__name__}.next returned without a call of input_data; return 0 at the end"
            )
        yield from given
        given.clear()


def as_array(x: Any) -> Any:
    """A tensor or another library's array as NumPy's, sparse ones as SciPy's; what is no array stays what it is.

    Raises
    ------
    ValueError
        Numbers that NumPy has no dtype for.
    """
    if x is None or isinstance(x, np.ndarray | list | tuple) or hasattr(x, "tocsr"):
        return x
    layout = str(getattr(x, "layout", ""))
    if "sparse" in layout:
        return _sparse_tensor(x, layout)
    if hasattr(x, "detach"):  # torch: away from the graph and the GPU
        x = x.detach().cpu()
    try:
        if hasattr(x, "numpy") and callable(x.numpy):
            return np.asarray(x.numpy())
        if hasattr(x, "__array__"):
            return np.asarray(x)
        if hasattr(x, "__dlpack__"):
            return np.from_dlpack(x)
        if hasattr(x, "dense_shape") and hasattr(x, "indices"):  # tensorflow's SparseTensor
            return _coo(as_array(x.values), as_array(x.indices).T, as_array(x.dense_shape))
    except (TypeError, RuntimeError, BufferError) as error:
        raise ValueError(
            f"a {type(x).__name__} could not be read as a NumPy array ({error}); convert it first, such as by "
            "x.float().cpu().numpy()"
        ) from None
    return x


def _sparse_tensor(x: Any, layout: str) -> Any:
    """A sparse torch tensor; its numbers are shared where it is CSR already."""
    from scipy.sparse import csr_array

    x = x.detach().cpu()
    if "csr" in layout:
        parts = (as_array(part()) for part in (x.values, x.col_indices, x.crow_indices))
        return csr_array(tuple(parts), shape=tuple(x.shape))
    x = x.coalesce() if "coo" in layout else x.to_sparse_coo().coalesce()
    return _coo(as_array(x.values()), as_array(x.indices()), x.shape)


def _coo(values: Any, indices: Any, shape: Any) -> Any:
    from scipy.sparse import coo_array

    return coo_array((values, tuple(indices)), shape=tuple(int(n) for n in shape)).tocsr()
