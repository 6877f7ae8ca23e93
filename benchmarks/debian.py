"""Data that a Debian package brings, read without installing it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.datasets import data_folder

__all__ = ["unpacked"]


def unpacked(package: str) -> Path:
    """The folder that holds a package's files, downloaded and unpacked there once.

    A FileNotFoundError or CalledProcessError says that this system has no such package.
    """
    folder = data_folder() / "debian" / package
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as room:
            os.chmod(room, 0o777)
            subprocess.run(
                ["apt-get", "download", "-q", package], cwd=room, check=True, stdout=subprocess.DEVNULL
            )
            (archive,) = Path(room).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(archive), f"{room}/files"], check=True)
            Path(room, "files").rename(folder)
    return folder
