"""max_memory is kept by text and block files that are several times as large, measured by the kernel in another process."""

from __future__ import annotations

import sys

import pytest
from tests.memory_peak import rows_and_peak

OPENING = """
import esker, esker.folds
from esker.blocks import open_blocks, write_block_file
esker.folds.Moments()
blocks = open_blocks(sys.argv[1], max_memory="12MB")
"""
WORK = """
if len(sys.argv) > 2:
    write_block_file(blocks, sys.argv[2])
else:
    blocks.fold(esker.folds.Moments())
rows = blocks.n_rows
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_max_memory_is_kept(tmp_path):
    text, stored = tmp_path / "a.svm", tmp_path / "a.esk"
    lines = ["1 " + " ".join(f"{j * 7 + i}:0.{i}{j}" for j in range(60)) + "\n" for i in range(40)]
    text.write_text("".join(lines) * 1500)
    assert text.stat().st_size > 25_000_000
    for arguments in ((text,), (text, stored), (stored,)):
        rows, peak = rows_and_peak(OPENING, WORK, *arguments)
        assert rows == 60_000
        assert peak <= 12_000_000, arguments
    assert stored.stat().st_size > 24_000_000
