"""The control group of the memory promise: where it can be made it ends what takes more, and it is gone afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("benchmarks", reason="the benchmarks are in the source tree; run pytest from its root")

from benchmarks.bars.cgroup import MemoryGroup

TAKE = "import sys; sys.stdin.readline(); a = bytearray(int(sys.argv[1])); a[::4096] = b'1' * len(a[::4096]); print(len(a))"


@pytest.mark.parametrize(("size", "lives"), [(10_000_000, True), (400_000_000, False)])
def test_a_group_holds_a_process_to_its_limit(size, lives):
    with MemoryGroup(100_000_000) as group:
        if not group.version:
            pytest.skip("no control group can be made here")
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, "-c", TAKE, str(size)], stdin=pipe, stdout=pipe, text=True
        ) as child:
            group.enter(child.pid)
            said, _ = child.communicate("go\n")
        assert (said == f"{size}\n") == lives
        folder = group._folder
    assert not folder.exists()
