"""Plain data to JSON and arrays and back: numbers, strings, None, lists, dicts, arrays, learners' states.

Every value becomes a JSON value or an object whose first key says what it is (``{"array": name}``); what has
no such form is refused by name. Arrays go beside the JSON, by the path of the value that holds them.
"""

from __future__ import annotations

import math
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Malformed", "Packer", "Unpacker", "parse_npy"]

#: Learners' states that models keep for ``partial_fit``: rebuilt by ``from_arrays``.
STATES = dict.fromkeys(
    ("Gram", "Moments", "RangeSketch", "RowSketch", "Sgd", "SgdClasses", "SgdGroup"), "esker.folds"
)
NUMBERS = "biuf"
#: What a JSON object says it is by its first key.
KINDS = ("dict", "tuple", "array", "scalar", "strings", "float", "state", "dtype", "model")


class Malformed(Exception):
    """What was read is not what `Packer` makes."""


class Packer:
    """Turns values into JSON nodes, gathering their arrays.

    >>> packer = Packer("this model")
    >>> packer.pack({"alpha": [1.0, None], "coef": np.zeros(2)}, "it")
    {'dict': {'alpha': [1.0, None], 'coef': {'array': 'it.coef'}}}
    >>> packer.pack(object(), "random_state")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: random_state=object cannot be saved in this model: ...
    """

    def __init__(self, owner: str) -> None:
        self.owner, self.arrays = owner, dict[str, "NDArray[Any]"]()

    def pack(self, value: Any, where: str) -> Any:
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.generic) and value.dtype.kind in NUMBERS:
            return {"scalar": self._keep(np.asarray(value), where)}
        if isinstance(value, np.str_):
            return str(value)
        if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
            return {"dtype": np.dtype(value).str, "as": "type" if isinstance(value, type) else "dtype"}
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        if type(value) is list:
            return [self.pack(item, f"{where}.{i}") for i, item in enumerate(value)]
        if type(value) is tuple:
            return {"tuple": [self.pack(item, f"{where}.{i}") for i, item in enumerate(value)]}
        if type(value) is dict and all(type(key) is str for key in value):
            return {"dict": {key: self.pack(item, f"{where}.{key}") for key, item in value.items()}}
        if type(value).__module__.startswith("esker.folds") and type(value).__name__ in STATES:
            arrays = {key: self._keep(a, f"{where}.{key}") for key, a in value.to_arrays().items()}
            return {"state": type(value).__name__, "arrays": arrays}
        node = self.pack_other(value, where)
        if node is not None:
            return node
        if callable(value) and not isinstance(value, type):
            raise ValueError(
                f"{where}={getattr(value, '__name__', type(value).__name__)} cannot be saved in {self.owner}: expected plain data, "
                "and this is Python code, which a model file never holds; set it to None, save, and set it again after loading"
            )
        raise ValueError(
            f"{where}={type(value).__name__} cannot be saved in {self.owner}: expected numbers, strings, "
            "None, lists, dicts or arrays of them; set it to one of these (an int for a random state)"
        )

    def pack_other(self, value: Any, where: str) -> Any:
        """For who derives from this: the node of a value that is no plain data, or None."""
        return None

    def _array(self, value: NDArray[Any], where: str) -> Any:
        if value.dtype.kind in NUMBERS:
            return {"array": self._keep(value, where)}
        if value.ndim == 1 and (value.dtype.kind == "U" or all(type(item) is str for item in value)):
            kind = "str" if value.dtype.kind == "U" else "object"
            return {"strings": [str(item) for item in value], "as": kind}
        raise ValueError(
            f"{where}, an array of {value.dtype}, cannot be saved in {self.owner}: expected numbers, or "
            "strings in one dimension"
        )

    def _keep(self, array: NDArray[Any], where: str) -> str:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", where)
        while name in self.arrays:
            name += "_"
        self.arrays[name] = np.asarray(array)
        return name


class Unpacker:
    """The reverse; `used` gathers the names of the arrays that were asked for."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays, self.used = arrays, set[str]()

    def unpack(self, node: Any, where: str) -> Any:
        if node is None or isinstance(node, bool | int | float | str):
            return node
        if isinstance(node, list):
            return [self.unpack(item, where) for item in node]
        kind = next(iter(node), "nothing")
        if kind in KINDS:
            return getattr(self, f"_{kind}")(node, where)
        raise Malformed(f"{where} is of the unknown kind {kind!r}")

    def _dict(self, node: dict[str, Any], where: str) -> dict[str, Any]:
        if not isinstance(node["dict"], dict):
            raise Malformed(f"{where} holds no dict")
        return {key: self.unpack(item, f"{where}.{key}") for key, item in node["dict"].items()}

    def _tuple(self, node: dict[str, Any], where: str) -> tuple[Any, ...]:
        if not isinstance(node["tuple"], list):
            raise Malformed(f"{where} holds no list")
        return tuple(self.unpack(item, where) for item in node["tuple"])

    def _float(self, node: dict[str, Any], where: str) -> float:
        if node["float"] not in ("nan", "inf", "-inf"):
            raise Malformed(f"{where} holds no number")
        return float(node["float"])

    def _dtype(self, node: dict[str, Any], where: str) -> Any:
        if not isinstance(node["dtype"], str) or not re.fullmatch(r"[<>|=]?([biuf]\d{1,2}|O)", node["dtype"]):
            raise Malformed(f"{where} holds no dtype of numbers")
        try:
            dtype = np.dtype(node["dtype"])
        except TypeError as error:
            raise Malformed(f"{where}: {error}") from None
        return dtype.type if node.get("as") == "type" else dtype

    def _model(self, node: dict[str, Any], where: str) -> Any:
        raise Malformed(f"{where} holds a model, which this part cannot")

    def _array(self, node: dict[str, Any], where: str) -> NDArray[Any]:
        return self._get(node["array"], where)

    def _scalar(self, node: dict[str, Any], where: str) -> Any:
        array = self._get(node["scalar"], where)
        if array.shape != ():
            raise Malformed(f"{where} holds no single number")
        return array[()]

    def _strings(self, node: dict[str, Any], where: str) -> NDArray[Any]:
        items, kind = node["strings"], node.get("as")
        if not isinstance(items, list) or not all(type(item) is str for item in items):
            raise Malformed(f"{where} holds something other than strings")
        longest, together = max(map(len, items), default=1), sum(map(len, items))
        # One long name among many would make a fixed-width array far larger than the file.
        fixed = kind == "str" and longest * len(items) <= 64 * together + 4096
        return np.array(items, dtype=np.str_ if fixed else object)

    def _state(self, node: dict[str, Any], where: str) -> Any:
        name = node["state"]
        if not isinstance(name, str) or name not in STATES:
            raise Malformed(f"{where} is a state of the unknown kind {name!r}")
        parts = node.get("arrays")
        if not isinstance(parts, dict):
            raise Malformed(f"{where} has no arrays")
        arrays = {key: self._get(part, where) for key, part in parts.items()}
        try:
            state = getattr(import_module(STATES[name]), name).from_arrays(arrays)
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, MemoryError) as error:
            raise Malformed(f"{where}: the arrays of a {name} do not fit together ({error})") from error
        if not 0 <= getattr(state, "cols", 0) < 1 << 40:
            raise Malformed(f"{where}: a {name} of {state.cols} columns")
        return state

    def _get(self, name: Any, where: str) -> NDArray[Any]:
        if not isinstance(name, str) or name not in self._arrays:
            raise Malformed(f"{where} has lost its array {name!r}")
        self.used.add(name)
        return self._arrays[name]


#: Headers as NumPy writes them for numbers; no other is read, so none is evaluated.
HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<>|][biuf][1248])', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n",
    re.DOTALL,
)


def parse_npy(data: bytes, name: str) -> NDArray[Any]:
    """The array of a ``.npy``'s bytes; only numbers, and exactly as many as the header declares.

    >>> import io
    >>> file = io.BytesIO()
    >>> np.save(file, np.array([[1.0, 2.0]]))
    >>> parse_npy(file.getvalue(), "x.npy")
    array([[1., 2.]])
    """
    header = HEADER.match(data)
    start = 0 if header is None else header.end()
    if header is None or start != 10 + int.from_bytes(data[8:10], "little"):
        raise Malformed(f"part {name!r} is no .npy of numbers")
    dtype = np.dtype(header[1].decode())
    shape = tuple(int(n) for n in header[3].replace(b",", b" ").split())
    if math.prod(shape) * dtype.itemsize != len(data) - start:
        raise Malformed(
            f"part {name!r} declares {shape} numbers of {dtype} and holds {len(data) - start} bytes"
        )
    order: Literal["C", "F"] = "F" if header[2] == b"True" else "C"
    return np.frombuffer(data, dtype, -1, start).reshape(shape, order=order).copy(order=order)
