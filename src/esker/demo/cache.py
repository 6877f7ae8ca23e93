"""Where the demo's files live: the folder in ESKER_DATA, or the user's cache folder; kept, and deleted only on request."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esker._atomic import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DataSet", "cache_folder", "delete", "finish", "ready"]

#: What a prepared data set says of itself, see `flights.prepare` and `words.prepare`.
DataSet = dict[str, Any]

#: Changes when the files' content does, so that an old cache is not taken for a new one.
VERSION = "demo-1"


def cache_folder() -> Path:
    """The demo's cache folder, created if need be.

    ``ESKER_DATA`` names the folder; otherwise the user's cache folder is used, and a folder among the temporary files
    where that cannot be written.

    Raises
    ------
    OSError
        If the folder that ``ESKER_DATA`` names cannot be created.
    """
    named = os.environ.get("ESKER_DATA")
    if named:
        folder = Path(named) / VERSION
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for root in (Path(home) / "esker", Path(tempfile.gettempdir()) / f"esker-{os.getuid()}"):
        folder = root / VERSION
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise OSError(
        f"cannot write a cache in {home} nor in {tempfile.gettempdir()}; name a folder in ESKER_DATA"
    )


def delete() -> Path:
    """Remove the demo's cached files and return the folder that held them."""
    folder = cache_folder()
    shutil.rmtree(folder)
    return folder


def ready(name: str, size: str) -> DataSet | None:
    """The description of a data set that an earlier run prepared, or None."""
    folder = cache_folder()
    try:
        found: DataSet = json.loads((folder / f"{name}-{size}.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    for role in ("train", "test"):
        file = Path(found[role]["file"])
        if not file.is_file() or file.stat().st_size != found[role]["bytes"]:
            return None
    return found


def need_space(nbytes: int) -> None:
    """Refuse to start where the disk has not `nbytes` free."""
    folder = cache_folder()
    free = shutil.disk_usage(folder).free
    if free < nbytes:
        raise OSError(
            f"the demo's data needs {nbytes / 1e6:.0f} MB, and {folder} has {free / 1e6:.0f} MB free; "
            "free some or name another folder in ESKER_DATA"
        )


def finish(description: DataSet, name: str, size: str) -> DataSet:
    """Record the files' sizes, and, last of all, write the description that makes the data set count as there."""
    for role in ("train", "test"):
        description[role]["bytes"] = Path(description[role]["file"]).stat().st_size
    with atomic_write(cache_folder() / f"{name}-{size}.json") as file:
        file.write(json.dumps(description, indent=1).encode())
    return description


def write_whole(name: str, fill: Callable[[Any], None]) -> str:
    """A file in the cache that `fill` writes; it has its name only once it is whole."""
    path = cache_folder() / name
    with atomic_write(path) as file:
        fill(file)
    return str(path)
