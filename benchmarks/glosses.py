"""Short real texts: WordNet's definitions and example sentences, from the Debian package wordnet-base."""

from __future__ import annotations

from pathlib import Path

from benchmarks.debian import unpacked

__all__ = ["short_texts"]

#: Where the package keeps its data; the four files are of one format.
FILES = [f"usr/share/wordnet/data.{kind}" for kind in ("noun", "verb", "adj", "adv")]


def _folder() -> Path:
    """Where the package's files are."""
    installed = Path("/")
    return installed if (installed / FILES[0]).exists() else unpacked("wordnet-base")


def short_texts(n: int = 200_000) -> list[str]:
    """Definitions and example sentences, each by itself (184,235 of them), then whole glosses of several such, up to `n` texts."""
    glosses = []
    for name in FILES:
        with open(_folder() / name, encoding="utf-8") as file:
            glosses += [line.split(" | ", 1)[1].strip() for line in file if line[0] != " " and " | " in line]
    parts = [[part.strip().strip('"') for part in gloss.split(";") if part.strip()] for gloss in glosses]
    single = [part for several in parts for part in several]
    return (single + [gloss for gloss, several in zip(glosses, parts) if len(several) > 1])[:n]
