"""Short real texts: WordNet's definitions and example sentences, from the Debian package wordnet-base."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.datasets import data_folder

__all__ = ["short_texts"]

#: Where the package keeps its data; the four files are of one format.
FILES = [f"usr/share/wordnet/data.{kind}" for kind in ("noun", "verb", "adj", "adv")]


def _folder() -> Path:
    """The package's files, unpacked once."""
    installed = Path("/")
    if (installed / FILES[0]).exists():
        return installed
    folder = data_folder() / "wordnet"
    if not (folder / FILES[0]).exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as room:
            os.chmod(room, 0o777)
            subprocess.run(["apt-get", "download", "-q", "wordnet-base"], cwd=room, check=True)
            (package,) = Path(room).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
    return folder


def short_texts(n: int = 200_000) -> list[str]:
    """Definitions and example sentences, each by itself (184,235 of them), then whole glosses of several such, up to `n` texts."""
    glosses = []
    for name in FILES:
        with open(_folder() / name, encoding="utf-8") as file:
            glosses += [line.split(" | ", 1)[1].strip() for line in file if line[0] != " " and " | " in line]
    parts = [[part.strip().strip('"') for part in gloss.split(";") if part.strip()] for gloss in glosses]
    single = [part for several in parts for part in several]
    return (single + [gloss for gloss, several in zip(glosses, parts) if len(several) > 1])[:n]
