"""``--text``, ``--categorical`` and their kin: feature steps said in words, kept in the model as plain JSON for ``predict``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

__all__ = ["add_features", "features_of", "said_of"]

#: The width of hashed features where nobody says: 2 to this.
BITS = 20


def add_features(command: argparse.ArgumentParser) -> None:
    """Options of commands that learn from, describe or convert texts and tables."""
    group = command.add_argument_group("features of texts and tables, hashed as they are read")
    add = group.add_argument
    add("--text", metavar="COLUMN", help="words of this column of texts")
    add("--ngrams", metavar="A,B", help="--text: of A to B words each, such as 1,2 (default 1,1)")
    add("--categorical", metavar="NAMES", help="columns that are categories, separated by commas")
    add("--numeric", metavar="NAMES", help="columns that are numbers, separated by commas")
    add(
        "--cross",
        metavar="A:B",
        action="append",
        help="columns that together make a category; repeat for several",
    )
    add(
        "--log-numeric",
        action="store_true",
        default=None,
        help="numbers as categories by their size, four for each doubling",
    )
    add("--hash-bits", metavar="N", type=int, help=f"2 to the power N features (default {BITS})")


def said_of(args: argparse.Namespace) -> dict[str, Any] | None:
    """What the options say, as JSON holds it; None where they say nothing. Those without effect are refused."""
    table = [
        name for name in ("categorical", "numeric", "cross", "log_numeric") if getattr(args, name) is not None
    ]
    if args.text is not None and table:
        raise ValueError(
            f"--text is for one column of texts, --{table[0].replace('_', '-')} for tables; leave one out "
            "(or join them in Python: esker.feature_extraction)"
        )
    if args.text is None and args.ngrams is not None:
        raise ValueError("--ngrams has no effect without --text; name the column of texts, or leave it out")
    if args.text is None and not table:
        if args.hash_bits is not None:
            raise ValueError(
                "--hash-bits has no effect without --text, --categorical, --numeric or --cross; leave it out"
            )
        return None
    if args.format == "lines":
        raise ValueError(
            "--text and its kin name columns of a table, and lines have none; pass a CSV file, or hash lines in Python, by a "
            "HashingVectorizer as a feature step of esker.open_blocks"
        )
    bits = BITS if args.hash_bits is None else args.hash_bits
    if not 1 <= bits <= 30:
        raise ValueError(f"--hash-bits must be from 1 to 30, got {bits}")
    if args.text is not None:
        if args.columns is not None:
            raise ValueError(
                "--columns has no effect with --text, which names the one column that is read; leave it out"
            )
        return {"text": args.text, "ngrams": _ngrams(args.ngrams), "bits": bits}
    if args.columns is not None:
        raise ValueError("--columns has no effect beside --categorical, --numeric and --cross; leave it out")
    return {
        "categorical": _names(args.categorical),
        "numeric": _names(args.numeric),
        "crosses": [_names(cross, ":") for cross in args.cross or ()],
        "log": bool(args.log_numeric),
        "bits": bits,
    }


def features_of(said: dict[str, Any] | None) -> dict[str, Any]:
    """Options of `open_blocks` for what was said."""
    if said is None:
        return {}
    width = 1 << int(said["bits"])
    if "text" in said:
        from esker.feature_extraction.text import HashingVectorizer

        low, high = said["ngrams"]
        return {
            "columns": [said["text"]],
            "features": HashingVectorizer(ngram_range=(low, high), n_features=width),
        }
    from esker.feature_extraction import TableHasher

    return {
        "features": TableHasher(
            numeric=said["numeric"],
            categorical=said["categorical"],
            crosses=[tuple(cross) for cross in said["crosses"]] or None,
            numeric_bins="log" if said["log"] else None,
            n_features=width,
        )
    }


def _names(text: str | None, separator: str = ",") -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(separator)]


def _ngrams(text: str | None) -> list[int]:
    """Words of an n-gram, from and to.

    >>> _ngrams("1,2"), _ngrams("2"), _ngrams(None)
    ([1, 2], [2, 2], [1, 1])
    """
    if text is None:
        return [1, 1]
    found = re.fullmatch(r"(\d+)(?:,(\d+))?", text.strip())
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= low <= high:
        raise ValueError(f"--ngrams takes two whole numbers such as 1,2, got {text!r}")
    return [low, high]
