"""Files are whole or not there: errors of the disk, of the folder, of the code between, and writers that died."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile

import pytest

from esker._atomic import SUFFIX, atomic_path, atomic_write


def test_replaces_only_when_whole(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


def _fail(file, error):
    file.write(b"new")
    raise error


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyboardInterrupt(), OSError(errno.EIO, "of another file", "b")]
)
def test_an_error_leaves_the_old_file_and_passes_through(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(type(error)) as caught, atomic_write(path) as file:
        _fail(file, error)
    assert caught.value is error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with atomic_path(tmp_path / "link") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_refused_names(tmp_path):
    with pytest.raises(OSError, match="got a folder"), atomic_path(tmp_path):
        pass
    with pytest.raises(OSError, match="got a device"), atomic_path("/dev/null"):
        pass
    with (
        pytest.raises(
            FileNotFoundError, match=r"the folder does not exist; nothing was written: '.*nowhere/a'"
        ),
        atomic_path(tmp_path / "nowhere" / "a"),
    ):
        pass
    (tmp_path / "file").touch()
    with (
        pytest.raises(NotADirectoryError, match="a part of the path is a file"),
        atomic_path(tmp_path / "file" / "a"),
    ):
        pass
    with pytest.raises(ValueError, match="mode"), atomic_write(tmp_path / "a", "w"):
        pass


def run(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


NO_SPACE = """
import os, resource, sys
from esker._atomic import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with atomic_write(sys.argv[1]) as file:
        for _ in range(50):
            file.write(bytes(10_000))
except OSError as error:
    print(error.errno, error)
"""


def test_a_disk_that_fills(tmp_path):
    """A limit on the size of files stands for a full disk: write() fails half way."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    said = run(NO_SPACE, path)
    assert said.startswith(f"{errno.EFBIG} ")
    assert "cannot write the file" in said
    assert str(path) in said
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_no_space_keeps_its_errno(tmp_path):
    with (
        pytest.raises(OSError, match="no space left on the disk; free some") as caught,
        atomic_write(tmp_path / "a"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as write() raises it: without a name
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a"))
    assert os.listdir(tmp_path) == []


NO_PERMISSION = """
import os, sys
from esker._atomic import atomic_write
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    with atomic_write(sys.argv[1]) as file:
        file.write(b"new")
except PermissionError as error:
    print(error)
"""


def test_no_permission():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        os.chmod(folder, 0o555)
        said = run(NO_PERMISSION, f"{folder}/a")
        assert f"[Errno {errno.EACCES}] cannot write the file: no permission" in said
        assert os.listdir(folder) == []


def test_stale_files_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    path = tmp_path / "a"
    died = run(
        "import os, sys; from esker._atomic import atomic_path\n"
        "with atomic_path(sys.argv[1]) as t:\n    t.write_bytes(b'half'); print(t, flush=True); os._exit(0)",
        path,
    ).strip()
    assert os.path.exists(died)
    other = tmp_path / f".b.0123{SUFFIX}"
    other.touch()
    with atomic_path(path) as living, atomic_write(path) as file:
        assert not os.path.exists(died)
        assert living.exists()
        file.write(b"second")
    assert other.exists()
    assert sorted(os.listdir(tmp_path)) == sorted(["a", other.name])
