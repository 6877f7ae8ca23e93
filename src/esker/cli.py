"""The command ``esker``: parses, runs one command, and turns what can go wrong into one line and an exit code.

Nothing heavy is imported before a command runs, so that ``esker --help`` is quick.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from esker._cli.options import parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["main"]

#: Exit codes: a bad argument or bad input; anything else that failed; ended by Ctrl-C.
BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
#: Arguments that errors name as Python has them, and the command line as ``--zero-based``.
OPTIONS = "target|weight|columns|max_memory|max_time|zero_based|n_features|dtype|format|cache|block_size|alpha|loss|epsilon|quantile|power|penalty|l1_ratio|learning_rate|eta0|power_t"

#: Ways out that are calls in Python, and options here.
WAYS_OUT = {
    "features=esker.feature_extraction.TableHasher(...)": "--categorical and --numeric",
    " of numeric= holds texts; list it in categorical=": " of --numeric holds texts; list it in --categorical",
    "crosses= takes tuples of two or more different columns": "--cross takes two or more different columns, A:B",
    "solver='sparse_cg' needs memory in proportion to the columns only (it walks the rows again and again, for alpha > 0), "
    "and so does SGDRegressor; selecting or hashing columns narrows X": (
        "--solver sparse_cg needs memory in proportion to the columns only (it walks the rows again and again, for --alpha "
        "above 0), and so does --model sgd; --columns and --hash-bits narrow X"
    ),
    "SGDRegressor needs memory in proportion to the columns only; selecting or hashing columns narrows X": (
        "--model sgd needs memory in proportion to the columns only; --columns and --hash-bits narrow X"
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``esker``; those of the process by default.

    Returns
    -------
    int
        0; 2 for a bad argument or bad input; 1 for any other failure; 130 after Ctrl-C. Set ``ESKER_TRACEBACK=1``
        to see where an error comes from.
    """
    try:
        args = parser().parse_args(argv)
    except SystemExit as end:  # argparse has printed help, version or the usage error
        return int(end.code or 0)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = _warn
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    """One command; its errors become a line and an exit code."""
    try:
        return int(import_module(f"esker._cli.{args.module}").run(args) or 0)
    except KeyboardInterrupt as error:
        why = f" ({error})" if str(error) else ""
        print(f"esker: interrupted; nothing was written{why}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # who reads our results has gone: no error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get("ESKER_TRACEBACK") == "1":
            raise
        print(f"esker: error: {_line(error)}", file=sys.stderr)
        return BAD_INPUT if _is_bad_input(error) else FAILED


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    words = " ".join(str(message).split()).replace("max_iter", "--epochs")
    if "was interrupted" not in words:  # which the command says itself
        print(f"esker: warning: {words}", file=sys.stderr)


def _is_bad_input(error: Exception) -> bool:
    refused = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
    # A ModuleNotFoundError here names a missing extra, such as pyarrow for Parquet.
    return isinstance(error, (ValueError, ModuleNotFoundError, *refused)) and not isinstance(
        error, ArithmeticError
    )


def _line(error: Exception) -> str:
    """What happened, in one line."""
    if isinstance(error, OSError) and error.strerror:
        files = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        return f"{files}: {error.strerror.lower()}" if files else error.strerror.lower()
    if isinstance(error, MemoryError):
        why = f" ({error})" if str(error) else ""
        return f"not enough memory{why}; grant less with --max-memory, or free some"
    words = " ".join(str(error).split()).replace("max_iter=", "--epochs ")
    for said, here in WAYS_OUT.items():
        words = words.replace(said, here)
    words = re.sub(rf"\b({OPTIONS})=(?=\S)(?![,.;)])", r"--\1 ", words)
    words = re.sub(rf"\b({OPTIONS})=", r"--\1", words)
    words = re.sub(r"--[a-z0-9]+_[a-z]+", lambda found: found[0].replace("_", "-"), words)
    known = isinstance(error, ValueError | ImportError | ArithmeticError | OSError)
    return words if known and words else f"{type(error).__name__}: {words}"


if __name__ == "__main__":
    sys.exit(main())
