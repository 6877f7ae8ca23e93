"""max_memory is kept by CSV and Parquet files that are larger, pyarrow's own memory included, measured by the kernel."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from tests.memory_peak import rows_and_peak

from esker.blocks import open_blocks

pa = pytest.importorskip("pyarrow")
csv = pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")

OPENING = """
import esker.linear_model
from esker.blocks import open_blocks
blocks = open_blocks(sys.argv[1], target="y", max_memory=int(sys.argv[2]))
"""


def some(rows):
    rng = np.random.default_rng(0)
    return pa.table({"y": rng.integers(0, 2, rows), **{f"x{j}": rng.normal(size=rows) for j in range(4)}})


def write(path, rows, times):
    table = some(rows)
    if path.suffix == ".csv":
        with csv.CSVWriter(path, table.schema) as writer:
            for _ in range(times):
                writer.write_table(table)
    else:
        parquet.write_table(pa.concat_tables([table] * times), path, row_group_size=rows)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("name", "rows", "times", "limit"),
    [("t.csv", 20_000, 40, 32_000_000), ("t.parquet", 500_000, 4, 64_000_000)],
)
def test_max_memory_is_kept(tmp_path, name, rows, times, limit):
    path = tmp_path / name
    write(path, rows, times)
    assert path.stat().st_size > 60_000_000
    seen, peak = rows_and_peak(OPENING, "rows = sum(len(block) for block in blocks)", path, limit)
    assert seen == rows * times
    assert peak <= limit


def test_what_pyarrow_holds_is_counted(tmp_path):
    write(tmp_path / "t.csv", 20_000, 2)
    write(tmp_path / "t.parquet", 100_000, 1)
    size = (tmp_path / "t.csv").stat().st_size
    text = 32_000_000 // 128
    assert open_blocks(tmp_path / "t.csv", max_memory="32MB").reading_bytes == min(size, 32 * text) + 3 * text
    groups = open_blocks(tmp_path / "t.parquet", max_memory="32MB", columns=["x0", "x1"])
    column = parquet.ParquetFile(tmp_path / "t.parquet").metadata.row_group(0).column(1)
    assert groups.reading_bytes <= 3 * 2 * column.total_uncompressed_size
    blocks = open_blocks(tmp_path / "t.parquet", max_memory="32MB")
    assert blocks.reading_bytes > groups.reading_bytes
    with pytest.raises(ValueError, match="grant more memory"):
        blocks.reserve(32_000_000 - 3 * blocks.block_bytes - blocks.reading_bytes + 1, "a model")
