"""Arrow columns as NumPy's: the values of pyarrow's own conversion, without the pandas that it loads."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pa = pytest.importorskip("pyarrow")

from esker.blocks.arrow_columns import labels, numbers, plain  # noqa: E402

WHOLE = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FRACTIONS = [pa.float32(), pa.float64()]


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 127)), max_size=40),
    st.sampled_from([*WHOLE, *FRACTIONS, pa.bool_()]),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_plain_is_what_pyarrow_gives(values, kind, begin, n):
    if kind == pa.bool_():
        values = [None if v is None else v % 2 == 1 for v in values]
    for held in (values, [v for v in values if v is not None]):
        array = pa.array(held, kind).slice(begin, n)
        expected = array.to_numpy(zero_copy_only=False)
        got = plain(array)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
        as_float = np.array([np.nan if v is None else v for v in array.to_pylist()], float)
        np.testing.assert_array_equal(numbers(array).astype(float), as_float)


@given(st.lists(st.text(max_size=3), min_size=1, max_size=20), st.integers(0, 5))
def test_labels_of_texts(texts, begin):
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())):
        array = pa.array(texts).cast(kind).slice(begin)
        got = labels(array)
        assert got.dtype == object
        assert got.tolist() == texts[begin:]


def test_streaming_numbers_and_texts_loads_no_pandas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("y,a,b,c,t\n" + "x,1,,true,2020-01-01\nz,2,0.5,false,2020-01-02\n" * 10)
    code = """
import sys
from esker import open_blocks
list(open_blocks(sys.argv[1], target="y", records=True))
list(open_blocks(sys.argv[1], target="y", columns=["a", "c"]))
assert "pyarrow" in sys.modules
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
