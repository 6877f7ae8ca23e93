"""What is nearly a source is refused with the call that makes it one, and that call works."""

from __future__ import annotations

import sqlite3
from typing import Any

import numpy as np
import pytest

import esker
from esker import open_blocks

ROWS = [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 5.0}]


def check(blocks: Any) -> None:
    block = blocks.take_all()
    assert (block.X.ravel().tolist(), block.y.tolist()) == ([1.0, 3.0], [2.0, 5.0])


def test_dicts_of_columns_and_of_rows() -> None:
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    columns = {"a": [1.0, 3.0], "b": [2.0, 5.0]}
    with pytest.raises(TypeError, match=r"a dict of columns: pass pandas.DataFrame\(source\)"):
        open_blocks(columns, target="b")
    with pytest.raises(TypeError, match=r"one row's values: pass pandas.DataFrame\(rows\)"):
        open_blocks(ROWS, target="b")
    with pytest.raises(TypeError, match="one row's values"):
        open_blocks(iter(ROWS))
    for table in (pd.DataFrame(columns), pa.table(columns), pd.DataFrame(ROWS), pa.Table.from_pylist(ROWS)):
        check(open_blocks(table, target="b"))


def test_rows_of_numbers() -> None:
    rows = [[1.0, 2.0], [3.0, 5.0]]
    with pytest.raises(TypeError, match=r"got one row, \[1.0, 2.0\]: pass numpy.asarray\(rows\)"):
        open_blocks(rows, target=1)
    check(open_blocks(np.asarray(rows), target=1))


def test_one_column_is_no_table() -> None:
    pd = pytest.importorskip("pandas")
    for column in (pd.Series([1.0, 3.0], name="a"), pytest.importorskip("polars").Series("a", [1.0, 3.0])):
        with pytest.raises(TypeError, match=r"got a Series, one column: .* source.to_frame\(\)"):
            open_blocks(column)
        assert open_blocks(column.to_frame()).take_all().X.ravel().tolist() == [1.0, 3.0]


def test_a_connection_is_no_cursor() -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(TypeError, match=r"takes the cursor of a query, got a Connection"):
        open_blocks(connection, target="b")
    query = "SELECT 1.0 AS a, 2.0 AS b UNION SELECT 3.0, 5.0 ORDER BY a"
    check(open_blocks(connection.execute(query), target="b"))
    check(open_blocks(lambda: connection.execute(query), target="b"))
    connection.close()


def test_a_step_of_texts_still_takes_dicts_in_its_own_transform() -> None:
    made = esker.feature_extraction.TableHasher(numeric=["a"]).transform({"a": [1.0, 3.0]})
    assert made.nnz == 2
