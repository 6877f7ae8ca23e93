"""The memory meter against a child that takes a known amount and gives it back."""

import subprocess
import sys

import pytest

from esker.demo.watch import Watch, anonymous_bytes

MB = 10**6
CHILD = """
import mmap, sys, time
print("ready", flush=True)
for line in sys.stdin:
    held = mmap.mmap(-1, int(line), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for i in range(0, len(held), 4096):
        held[i] = 1
    time.sleep(0.05)
    held.close()
    print("done", flush=True)
"""


@pytest.fixture
def child():
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def take(child, nbytes):
    child.stdin.write(f"{nbytes}\n")
    child.stdin.flush()
    assert child.stdout.readline() == "done\n"


def test_the_peak_is_what_was_taken_and_each_look_starts_anew(child):
    assert child.stdout.readline() == "ready\n"
    if anonymous_bytes(child.pid) is None:
        pytest.skip("this system does not tell a process's anonymous memory")
    with Watch(child.pid) as watch:
        before = watch.look()
        for size in (80 * MB, 20 * MB, 60 * MB):
            take(child, size)
            assert watch.look() - before == pytest.approx(size, abs=2 * MB)
        assert watch.look() - before < 2 * MB
        assert watch.samples > 10


def test_pages_of_a_mapped_file_do_not_count(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(50 * MB))
    code = f"""
import mmap, sys
with open({str(file)!r}, "rb") as f:
    held = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
print("ready", flush=True)
sys.stdin.readline()
print(sum(held[i] for i in range(0, len(held), 4096)), flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        if anonymous_bytes(process.pid) is None:
            process.communicate("\n\n")
            pytest.skip("this system does not tell a process's anonymous memory")
        with Watch(process.pid) as watch:
            before = watch.look()
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "0\n"
            assert watch.look() - before < 2 * MB
        process.communicate("\n")


def test_a_process_that_ended_tells_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert anonymous_bytes(process.pid) is None
    with Watch(process.pid) as watch:
        assert watch.look() is None
