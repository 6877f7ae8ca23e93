"""`open_blocks`: which source reads what. A table of kinds, by type, by file name, by first bytes; each imported when needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from esker._errors import FormatError
from esker.blocks.base import Blocks
from esker.blocks.compressed import HEAD, compression_of, plain_name
from esker.blocks.features import with_features
from esker.blocks.paths import files_of, in_folder, stream_of

__all__ = ["Kind", "Options", "open_blocks"]


@dataclass(slots=True)
class Options:
    """The arguments of `open_blocks` but the first; an opener takes what it uses and calls `done`, which refuses the rest."""

    target: Any = None
    weight: Any = None
    columns: Any = None
    max_memory: int | str | None = None
    zero_based: Any = "auto"
    n_features: int | None = None
    dtype: Any = None
    block_size: int | str | None = None
    #: Whether a feature step follows, so that texts and missing values are to be kept: blocks of Records.
    records: bool = False
    #: Columns' names of text without a line of them.
    names: Any = None
    #: A function of the columns' names: those a feature step takes as texts, whose digits are to be kept as they are written.
    texts: Any = None

    def text_columns(self, names: list[str]) -> set[str]:
        """Those of `names` that are texts whatever they look like."""
        return set() if self.texts is None else set(self.texts(names))

    def refuse(self, source: str, **ways_out: str) -> None:
        """Raise where one of these options was given: ``refuse("a .npy file", zero_based="it has no column numbers")``."""
        for field in fields(self):
            if field.name in ways_out:
                value = getattr(self, field.name)
                given = value is not None if field.default is None else value != field.default
                if given:
                    raise ValueError(f"{field.name}= has no effect on {source}: {ways_out[field.name]}")

    @property
    def memory(self) -> dict[str, Any]:
        """The options that every source takes."""
        return {"max_memory": self.max_memory, "block_size": self.block_size}


@dataclass(frozen=True, slots=True)
class Kind:
    """A format of files, and who opens it.

    ``opener`` is ``"module:function"``; the function takes (list of paths, Options) and returns Blocks. ``records`` says that
    it can keep texts for a feature step (``options.records``), ``lines`` that its files may be compressed, ``streams`` that the
    list may be one binary file object.
    """

    name: str
    endings: tuple[str, ...]
    opener: str
    magic: bytes = b""
    records: bool = False
    lines: bool = False
    streams: bool = False

    def open(self, paths: list[Any], options: Options) -> Blocks:
        if options.records and not self.records:
            raise ValueError(
                f"features= makes numbers of texts and tables, and {self.name} files hold numbers already"
            )
        if options.names is not None and self.name not in ("csv", "tsv"):
            raise ValueError(
                f"names= has no effect on {self.name} files: it is for CSV and TSV files without a line of names"
            )
        module, name = self.opener.split(":")
        opener: Callable[[list[Any], Options], Blocks] = getattr(import_module(module), name)
        return opener(paths, options)


#: Formats, in the order in which they are tried: first bytes, then endings.
KINDS = [
    Kind("npy", (".npy",), "esker.blocks.npy:open_npy", b"\x93NUMPY"),
    Kind("npz", (".npz",), "esker.blocks.npz:open_npz", b"PK\x03\x04"),
    Kind("parquet", (".parquet", ".pq"), "esker.blocks.parquet:open_parquet", b"PAR1", records=True),
    Kind("csv", (".csv",), "esker.blocks.tables:open_csv", records=True, lines=True, streams=True),
    Kind("tsv", (".tsv", ".tab"), "esker.blocks.tables:open_tsv", records=True, lines=True, streams=True),
    Kind(
        "jsonl",
        (".jsonl", ".ndjson", ".json"),
        "esker.blocks.jsonl:open_jsonl",
        records=True,
        lines=True,
        streams=True,
    ),
    Kind("feather", (".feather", ".arrow", ".ipc"), "esker.blocks.feather:open_feather", records=True),
    Kind("esk", (".esk",), "esker.blocks.block_file:open_block_file", b"ESKER"),
    Kind("vw", (".vw",), "esker.blocks.vw:open_vw", lines=True, streams=True),
    Kind("lines", (".lines", ".ft"), "esker.blocks.lines:open_lines", records=True, lines=True, streams=True),
    Kind(
        "svmlight",
        (".svm", ".svmlight", ".libsvm", ".txt", ".dat"),
        "esker.blocks.svmlight:open_svmlight",
        lines=True,
        streams=True,
    ),
]


def open_blocks(
    source: Any,
    *,
    target: Any = None,
    weight: Any = None,
    columns: Any = None,
    max_memory: int | str | None = None,
    zero_based: bool | str = "auto",
    n_features: int | None = None,
    dtype: Any = None,
    block_size: int | str | None = None,
    format: str | None = None,
    names: list[str] | None = None,
    features: Any = None,
    records: bool = False,
    cache: str | os.PathLike[str] | None = None,
) -> Blocks:
    """Rows of almost anything, to be read a block at a time.

    Parameters
    ----------
    source : array, sparse matrix, DataFrame, path or list of paths, iterable of (X, y) or (X, y, weight)
        See the guide of blocks for what each kind accepts: also Arrow streams, database cursors, other libraries' loaders. Paths in a list are parts in that order.
    target, weight : array, or column number or name of a table, or None
        The target and the rows' weights. A table's columns so used are not features. In svmlight files the label is the target;
        ``"multilabel"`` reads lists of labels there, ``1,3 5:0.5``, as columns of 0 and 1.
    columns : list of names or numbers, optional
        The features; by default every column that is neither target nor weight.
    max_memory : int or str, optional
        Bytes that reading and learning together may take above what is in memory already, such as ``"256MB"``.
    zero_based : {"auto", True, False}
        Whether an svmlight file counts columns from 0.
    n_features : int, optional
        The number of columns of a source that does not say so itself.
    dtype : {float32, float64}, optional
        Of X; by default what the source has, integers of up to 16 bits as float32 and longer ones as float64.
    block_size : int or str, optional
        Bytes of a block.
    format : {"npy", "npz", "csv", "tsv", "parquet", "jsonl", "feather", "svmlight", "vw", "lines", "esk"}, optional
        Of the files; by default their first bytes and names tell.
    names : list of str, optional
        The columns of a CSV or TSV file whose first line is a row already.
    features : transformer or list of transformers, optional
        Feature steps applied to every block as it is read, one after the other: what has ``transform(blocks)``, such as
        `esker.feature_extraction.TableHasher`. Stateless, or fitted already.
    records : bool
        Keep the texts and missing values of a table, or lines of text, for a pipeline whose first step makes numbers of them.
    cache : {None, "auto"} or path
        Where to keep what was read, after feature steps, as a block file: written during the first whole walk, read from
        then on, by later runs too while the source and these arguments are the same. "auto" keeps it beside the source.

    Returns
    -------
    Blocks

    Raises
    ------
    ValueError
        Arguments that make no sense together: an option that has no effect is refused.
    FormatError
        A file that is not what it says it is.

    Examples
    --------
    >>> import numpy as np
    >>> blocks = open_blocks(np.arange(6.0).reshape(3, 2), target=np.array([0, 1, 1]))
    >>> [(b.X.shape, b.y.tolist(), b.keys.tolist()) for b in blocks]
    [((3, 2), [0, 1, 1], [0, 1, 2])]
    """
    options = Options(target, weight, columns, max_memory, zero_based, n_features, dtype, block_size)
    options.names = names
    if isinstance(source, Blocks):
        raise TypeError("the source is a Blocks object already; use it as it is")
    if features is None:
        _check_records(records, cache)
        options.records = records
        blocks = _open(source, options, format)
    elif records:
        raise ValueError(
            "records=True has no effect beside features=, whose first step reads records by itself"
        )
    else:
        blocks = with_features(lambda o: _open(source, o, format), options, features)
    if cache is None:
        return blocks
    from esker.blocks.cache_open import with_cache

    return with_cache(blocks, cache, options, format, features)


def _check_records(records: bool, cache: Any) -> None:
    if not isinstance(records, bool):
        raise ValueError(f"records must be True or False, got {records!r}")
    if records and cache is not None:
        raise ValueError(
            "cache= keeps numbers, and records=True gives texts; cache what features= makes of them"
        )


def _open(source: Any, options: Options, format: str | None) -> Blocks:
    stream = stream_of(source)
    if stream is not None:
        return _stream_kind(format).open([stream], options)
    paths = None if _is_texts(source, options) else _paths(source, format)
    if paths is not None:
        return _kind(paths, format).open(paths, options)
    if format is not None:
        raise ValueError(f"format= has no effect on {type(source).__name__}: it is for files")
    if options.names is not None:
        raise ValueError(
            f"names= has no effect on {type(source).__name__}: it is for CSV files without a line of names"
        )
    from esker.blocks.objects import open_object

    return open_object(source, options)


def _is_texts(source: Any, options: Options) -> bool:
    from esker.blocks.objects import is_texts

    return is_texts(source, options)


def _paths(source: Any, format: str | None = None) -> list[Path] | None:
    """The files that a source names, those of patterns and folders among them, or None where it names none."""
    named = files_of(source)
    if named is None:
        return None
    files = [file for path in named for file in _files(path, format)]
    # Jobs that write in parts leave files of no bytes.
    return [file for file in files if not file.is_file() or file.stat().st_size] or files


def _files(path: Path, format: str | None) -> list[Path]:
    """A file itself, or the files of a known format in a folder."""
    if not path.is_dir():
        return [path]
    files = in_folder(path)
    known = [file for file in files if format is not None or _is_known(file)]
    if not known:
        raise FormatError(
            f"no file in the folder is of a known format, such as {files[0].name}; pass format=", str(path)
        )
    return known


def _is_known(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(HEAD)
    name = plain_name(path.name).lower()
    return any((k.magic and head.startswith(k.magic)) or name.endswith(k.endings) for k in KINDS)


def _stream_kind(format: str | None) -> Kind:
    names = [kind.name for kind in KINDS if kind.streams]
    if format not in names:
        raise ValueError(
            f"a stream does not tell its format: pass format= one of {', '.join(names)}, got {format!r}"
        )
    return next(kind for kind in KINDS if kind.name == format)


def _kind(paths: list[Path], format: str | None) -> Kind:
    """Who reads these files; they must be there, be readable, be not empty, and be of one kind."""
    if format is not None and format not in [kind.name for kind in KINDS]:
        raise ValueError(f"format must be one of {', '.join(kind.name for kind in KINDS)}, got {format!r}")
    kinds = [_sniff(path, format) for path in paths]
    if len(set(kinds)) > 1:
        raise ValueError(
            f"files of one source must be of one format, got {', '.join(kind.name for kind in kinds)}"
        )
    return kinds[0]


def _sniff(path: Path, format: str | None) -> Kind:
    with open(path, "rb") as file:  # raises FileNotFoundError or PermissionError, which name the path
        head = file.read(HEAD)
    if not head:
        raise FormatError("the file is empty", str(path))
    compression = compression_of(head)
    for kind in KINDS:
        if kind.name == format or (format is None and kind.magic and head.startswith(kind.magic)):
            return _compressible(kind, path, compression)
    for kind in KINDS if format is None else ():
        if plain_name(path.name).lower().endswith(kind.endings):
            if kind.magic and compression is None:
                raise FormatError(
                    f"the name says {kind.name}, but the file does not begin as one; pass format= if it is another",
                    str(path),
                )
            return _compressible(kind, path, compression)
    known = ", ".join(ending for kind in KINDS for ending in kind.endings[:2])
    raise FormatError(
        f"neither its first bytes nor its name tells the format (known endings: {known}); pass format=",
        str(path),
    )


def _compressible(kind: Kind, path: Path, compression: str | None) -> Kind:
    if compression is not None and not kind.lines:
        raise FormatError(
            f"{kind.name} files are read as they are, got one in {compression}: unpack it", str(path)
        )
    return kind
