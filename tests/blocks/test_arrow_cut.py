"""However batches come, their rows go out in order, in multiples of units; what one batch holds is not copied."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pa = pytest.importorskip("pyarrow")

from esker.blocks.arrow_cut import cut_batches  # noqa: E402


def numbered(lengths):
    row = 0
    for n in lengths:
        yield row, pa.record_batch({"a": np.arange(row, row + n)})
        row += n


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 255, 256, 1000, 4096, 5000, 9000, 20_000]), max_size=8),
    st.sampled_from([256, 1024, 4096, 8192, 16_384]),
    st.sampled_from([0, 4096, 8192]),
    st.booleans(),
)
def test_rows_go_out_as_they_came(lengths, rows, start, exact):
    got = list(cut_batches(numbered(lengths), lambda _: rows, start, exact))
    unit = 4096 if rows >= 4096 else 256
    end = start
    for row, batch in got:
        assert row == end
        assert 0 < batch.num_rows <= rows
        end += batch.num_rows
        assert batch.column("a").to_pylist()[:: batch.num_rows] == [row, end - 1][: min(batch.num_rows, 1)]
    assert all(batch.num_rows % unit == 0 for _, batch in got[:-1])
    assert end == max(sum(lengths), start)
    values = [batch.column("a").to_numpy() for _, batch in got]
    np.testing.assert_array_equal(np.concatenate([np.empty(0, int), *values]), np.arange(start, end))
    if exact:
        assert all(batch.num_rows == rows for _, batch in got[:-1])


def test_the_better_part_of_a_batch_is_not_copied():
    batches = list(numbered([25_000, 25_000]))
    got = list(cut_batches(iter(batches), lambda _: 16_384))
    assert [batch.num_rows for _, batch in got] == [16_384, 8192, 4096, 16_384, 4096, 848]
    where = [batch.column("a").buffers()[1].address for _, batch in batches]
    shared = [batch.column("a").buffers()[1].address in where for _, batch in got]
    assert shared == [True, True, False, True, True, True]
