"""Models on disk: one file of plain arrays and JSON, which loading reads and never executes.

The file is an uncompressed zip (``numpy.load`` opens it): ``esker.json`` says format, version, class,
parameters and the small attributes; every array is a ``.npy`` beside it. The class comes from a fixed list. A
reader refuses what the writer never writes: other classes, compressed entries, objects, sizes that the file
cannot hold.
"""

from __future__ import annotations

import errno
import json
import os
import re
import zipfile
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from esker import _plain
from esker._atomic import atomic_write
from esker._errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load", "save"]

FORMAT, VERSION = "esker model", 1
#: What may be saved, and where it is defined. Loading knows no other class.
ESTIMATORS = {
    "LinearRegression": "esker.linear_model",
    "ElasticNet": "esker.linear_model",
    "ElasticNetCV": "esker.linear_model",
    "Lasso": "esker.linear_model",
    "LassoCV": "esker.linear_model",
    "LogisticRegression": "esker.linear_model",
    "PoissonRegressor": "esker.linear_model",
    "GammaRegressor": "esker.linear_model",
    "TweedieRegressor": "esker.linear_model",
    "Ridge": "esker.linear_model",
    "RidgeCV": "esker.linear_model",
    "RidgeClassifier": "esker.linear_model",
    "RidgeClassifierCV": "esker.linear_model",
    "SGDClassifier": "esker.linear_model",
    "SGDClassifierCV": "esker.linear_model",
    "SGDRegressor": "esker.linear_model",
    "SGDRegressorCV": "esker.linear_model",
    "LinearSVC": "esker.svm",
    "LinearSVR": "esker.svm",
    "NystroemRidge": "esker.kernel_ridge",
    "TableHasher": "esker.feature_extraction",
    "FeatureHasher": "esker.feature_extraction",
    "HashingVectorizer": "esker.feature_extraction.text",
    "StandardScaler": "esker.preprocessing",
    "MaxAbsScaler": "esker.preprocessing",
    "SimpleImputer": "esker.impute",
    "PCA": "esker.decomposition",
    "IncrementalPCA": "esker.decomposition",
    "TruncatedSVD": "esker.decomposition",
    "Fastfood": "esker.kernel_approximation",
    "CountSketchProjection": "esker.random_projection",
    "GaussianRandomProjection": "esker.random_projection",
    "SRHTProjection": "esker.random_projection",
    "SparseRandomProjection": "esker.random_projection",
    "Nystroem": "esker.kernel_approximation",
    "RBFSampler": "esker.kernel_approximation",
    "OrthogonalRandomFeatures": "esker.kernel_approximation",
    "SkewedChi2Sampler": "esker.kernel_approximation",
    "PolynomialCountSketch": "esker.kernel_approximation",
    "AdditiveChi2Sampler": "esker.kernel_approximation",
    "MissingIndicator": "sklearn.impute",
    "Pipeline": "sklearn.pipeline",
}
#: Fitted arrays that have a place for each column.
BY_COLUMN = ("mean_", "var_", "scale_", "max_abs_", "statistics_")
META = "esker.json"


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model to one file that `load` reads, on any machine, without executing anything.

    Parameters
    ----------
    model : estimator
        An estimator or a step of esker's (`Ridge`, `SGDRegressor`, `SGDClassifier`, `TableHasher`, `StandardScaler`,
        `SimpleImputer`, ...), or a scikit-learn `Pipeline` of them, fitted or not. States kept for ``partial_fit`` are kept, so a
        loaded model goes on with the same bits.
    path : path
        Written under another name in the same folder and renamed when it is whole.

    Raises
    ------
    ValueError
        The model is of another class, or holds a parameter or attribute that is not plain data, such as a
        ``RandomState``; the message names it.
    OSError
        The file cannot be written; an earlier file of that name is then untouched.

    Examples
    --------
    >>> import tempfile, os, numpy as np, esker
    >>> from esker.linear_model import Ridge
    >>> model = Ridge(alpha=0.5).fit(np.eye(3), [1.0, 2.0, 3.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     esker.save(model, os.path.join(folder, "model.esker"))
    ...     again = esker.load(os.path.join(folder, "model.esker"))
    >>> bool((again.coef_ == model.coef_).all())
    True
    """
    name = type(model).__name__
    if not _known(model):
        raise ValueError(
            f"expected a model of one of the classes {', '.join(ESTIMATORS)}, got {type(model).__name__}; "
            "save the esker steps of a pipeline, or use joblib.dump for what you trust"
        )
    packer = _Packer(f"this {name}")
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "esker": import_module("esker").__version__,
        **packer.describe(model, ""),
    }
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        # A fixed date: equal models are equal files.
        archive.writestr(zipfile.ZipInfo(META), json.dumps(meta, indent=1))
        for key, array in packer.arrays.items():
            with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _known(model: Any) -> bool:
    name = type(model).__name__
    return name in ESTIMATORS and type(model) is _class(name)


class _Packer(_plain.Packer):
    """Models within models: the steps of a pipeline."""

    def describe(self, model: Any, where: str) -> dict[str, Any]:
        """Class, parameters and attributes as JSON; arrays are kept."""
        params = model.get_params(deep=False)
        before = f"{where}." if where else ""
        return {
            "class": type(model).__name__,
            "params": {key: self.pack(value, before + key) for key, value in params.items()},
            "attributes": {
                key: self.pack(value, before + key) for key, value in vars(model).items() if key not in params
            },
        }

    def pack_other(self, value: Any, where: str) -> Any:
        if where.endswith("coef_") and hasattr(value, "tocsr"):
            raise ValueError(
                f"{where} is a sparse matrix, which files of models do not hold; call densify() first"
            )
        return {"model": self.describe(value, where)} if _known(value) else None


class _Unpacker(_plain.Unpacker):
    def _model(self, node: dict[str, Any], where: str) -> Any:
        if not isinstance(node["model"], dict):
            raise _plain.Malformed(f"{where} holds no model")
        return _model_of(node["model"], self, where)


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that `save` wrote. Nothing in the file is executed.

    Parameters
    ----------
    path : path

    Returns
    -------
    estimator
        As it was when saved: parameters, fitted attributes, states of ``partial_fit``.

    Raises
    ------
    FormatError
        The file is no esker model, is damaged or cut short (each part has a checksum), was written by a newer
        format, or its parts do not fit together.
    OSError
        The file cannot be read.
    """
    file = os.fspath(path)
    try:
        with zipfile.ZipFile(file) as archive:
            meta, arrays = _read(archive, os.stat(file).st_size)
        return _build(meta, arrays)
    except _plain.Malformed as error:
        raise FormatError(f"{error}; expected a model that esker.save wrote", file) from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a nonsensical place in the file
            raise
        raise FormatError(
            f"not a whole esker model ({error}); expected a file that esker.save wrote: "
            "copy it again or fit again",
            file,
        ) from error


def _read(archive: zipfile.ZipFile, size: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Metadata and arrays. Nothing is expanded, so what is declared is what the file's own bytes hold."""
    entries = archive.infolist()
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise _plain.Malformed(f"part {entry.filename!r} is compressed, which no esker model is")
    if len({entry.filename for entry in entries}) < len(entries):
        raise _plain.Malformed("two parts have one name")
    if sum(entry.file_size for entry in entries) > size:
        raise _plain.Malformed(f"its parts declare more bytes than the {size} of the file")
    if not entries or entries[0].filename != META:
        raise _plain.Malformed(f"its first part is not {META!r}")
    try:
        meta = json.loads(archive.read(META).decode())
    except (ValueError, RecursionError) as error:
        raise _plain.Malformed(f"{META} is not JSON ({error})") from None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise _plain.Malformed(f"{META} does not say {FORMAT!r}")
    if meta.get("version") != VERSION:
        raise _plain.Malformed(
            f"format version {meta.get('version')!r}, and this esker reads version {VERSION}: "
            "use the esker that wrote it, or a newer one"
        )
    arrays = {}
    for entry in entries[1:]:
        if not entry.filename.endswith(".npy"):
            raise _plain.Malformed(f"unknown part {entry.filename!r}")
        arrays[entry.filename[:-4]] = _plain.parse_npy(archive.read(entry), entry.filename)
    return meta, arrays


def _build(meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Any:
    """The estimator, checked to fit together."""
    unpacker = _Unpacker(arrays)
    model = _model_of(meta, unpacker, "")
    left = sorted(set(arrays) - unpacker.used)
    if left:
        raise _plain.Malformed(f"array {left[0]!r} belongs to nothing")
    return model


def _model_of(meta: dict[str, Any], unpacker: _Unpacker, where: str) -> Any:
    name = meta.get("class")
    if not isinstance(name, str) or name not in ESTIMATORS:
        raise _plain.Malformed(f"class {name!r} is none of {', '.join(ESTIMATORS)}")
    cls, before = _class(name), f"{where}." if where else ""
    if cls is None:
        raise _plain.Malformed(f"this installation has no {name}")
    params = {key: unpacker.unpack(node, before + key) for key, node in _named(meta, "params")}
    unknown = sorted(set(params) - set(cls._get_param_names()))
    if unknown:
        raise _plain.Malformed(f"{name} has no parameter {unknown[0]!r}")
    if name == "Pipeline":
        _check_steps(params.get("steps"))
    model = cls(**params)
    for key, node in _named(meta, "attributes"):
        inherited = getattr(cls, key, None)
        taken = callable(inherited) or isinstance(inherited, property)
        if taken or not re.fullmatch(r"_?[A-Za-z][A-Za-z0-9_]*", key):
            raise _plain.Malformed(f"{key!r} is no attribute that a {name} keeps")
        setattr(model, key, unpacker.unpack(node, before + key))
    _check_shapes(model)
    return model


def _check_steps(steps: Any) -> None:
    """A pipeline's steps are pairs of a name and a model that was read here."""
    good = isinstance(steps, list) and all(
        isinstance(step, tuple)
        and len(step) == 2
        and isinstance(step[0], str)
        and (step[1] is None or step[1] == "passthrough" or type(step[1]).__name__ in ESTIMATORS)
        for step in steps
    )
    if not good:
        raise _plain.Malformed("the steps of a Pipeline must be pairs of a name and a model")


def _named(meta: dict[str, Any], part: str) -> list[tuple[str, Any]]:
    if not isinstance(meta.get(part), dict):
        raise _plain.Malformed(f"{META} has no {part!r}")
    return list(meta[part].items())


def _check_shapes(model: Any) -> None:
    """The fitted arrays agree with each other, so that predict can trust them."""
    for key in BY_COLUMN:
        array, d = getattr(model, key, None), getattr(model, "n_features_in_", None)
        if array is not None and np.shape(array) != (d,):
            raise _plain.Malformed(f"{key} has shape {np.shape(array)} for {d} columns")
    if hasattr(model, "dual_coef_") and hasattr(model, "components_"):
        d, shape = getattr(model, "n_features_in_", None), np.shape(model.components_)
        if len(shape) != 2 or shape[1] != d or np.shape(model.dual_coef_)[:1] != shape[:1]:
            raise _plain.Malformed(f"components_ of shape {shape} do not fit dual_coef_ and {d!r} columns")
    if not hasattr(model, "coef_"):
        return
    d, coef = getattr(model, "n_features_in_", None), model.coef_
    intercept: Any = getattr(model, "intercept_", None)
    if not isinstance(coef, np.ndarray) or coef.dtype.kind != "f" or coef.ndim not in (1, 2):
        raise _plain.Malformed("coef_ is not an array of floating-point numbers with one or two dimensions")
    if not isinstance(d, int) or coef.shape[-1] != d:
        raise _plain.Malformed(f"coef_ has {coef.shape[-1]} columns and n_features_in_ is {d!r}")
    rows = coef.shape[0] if coef.ndim == 2 else 1
    shape = np.shape(intercept)
    if np.asarray(intercept).dtype.kind not in "fi" or shape not in ((), (1,), (rows,)):
        raise _plain.Malformed(f"intercept_ has shape {shape} beside {rows} rows of coef_")
    names = getattr(model, "feature_names_in_", None)
    if names is not None and np.shape(names) != (d,):
        raise _plain.Malformed(f"feature_names_in_ has shape {np.shape(names)} for {d} columns")
    classes = getattr(model, "classes_", None)
    if classes is not None:
        count = len(classes) if isinstance(classes, np.ndarray) and classes.ndim == 1 else 0
        if count < 2 or rows != (1 if count == 2 else count):
            raise _plain.Malformed(f"{rows} rows of coef_ do not fit {count} classes")


def _class(name: str) -> Any:
    """The class of that name, or None where what is installed has none."""
    return getattr(import_module(ESTIMATORS[name]), name, None)
