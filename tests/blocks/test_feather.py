"""Feather and Arrow IPC files and streams: what pyarrow reads, in pieces; damage is named."""

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")

from tests.blocks.rows import Keep, together  # noqa: E402

from esker._errors import FormatError  # noqa: E402
from esker.blocks import open_blocks  # noqa: E402
from esker.blocks.records import Records, Strings  # noqa: E402

N = 30_000
RNG = np.random.default_rng(0)
TABLE = pa.table({
    "a": RNG.normal(size=N).astype("f4"), "k": RNG.integers(0, 9, N), "site": pa.array(RNG.choice(["u", "v", "w"], N)).dictionary_encode(),
    "y": RNG.integers(0, 2, N), "w": RNG.random(N),
})  # fmt: skip


def write(path, table=TABLE, stream=False, rows=7000, compression=None):
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with make(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


@pytest.mark.parametrize("compression", [None, "lz4"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["t.feather", "t.arrow", "t.ipc"])
def test_columns(tmp_path, name, stream, compression):
    path = write(tmp_path / name, stream=stream, compression=compression)
    blocks = open_blocks(path, target="y", weight="w", columns=["k", "a"], block_size=300_000)
    got = list(blocks)
    assert len(got) > 1
    np.testing.assert_array_equal(together(got), TABLE.select(["k", "a"]).to_pandas())
    np.testing.assert_array_equal(together(got, "y"), TABLE["y"])
    np.testing.assert_array_equal(together(got, "sample_weight"), TABLE["w"])
    assert together(got, "keys").tolist() == list(range(N))
    np.testing.assert_array_equal(
        together(blocks.read(blocks.parts[0], 8192)), TABLE.select(["k", "a"]).to_pandas()[8192:]
    )
    kept = [b.X for b in open_blocks(path, target="y", features=Keep(), block_size=300_000)]
    assert kept[0].columns["site"].codes is not None
    x = Records.concat(kept).columns
    assert {n: c.tolist() for n, c in x.items()} == TABLE.drop(["y"]).to_pydict()
    assert isinstance(x["site"], Strings)


def test_what_pyarrow_and_polars_write(tmp_path):
    from pyarrow import feather

    feather.write_feather(TABLE, tmp_path / "t.feather")
    np.testing.assert_array_equal(
        together(open_blocks(tmp_path / "t.feather", columns=["a"]))[:, 0], TABLE["a"]
    )
    (tmp_path / "t.feather").write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(FormatError, match=r"Feather version 1 is not read"):
        open_blocks(tmp_path / "t.feather")
    polars = pytest.importorskip("polars")
    polars.from_arrow(TABLE).write_ipc(tmp_path / "t.arrow")
    np.testing.assert_array_equal(
        together(open_blocks(tmp_path / "t.arrow", columns=["a"]))[:, 0], TABLE["a"]
    )


@pytest.mark.parametrize("stream", [False, True])
def test_damage(tmp_path, stream):
    path = write(tmp_path / "t.arrow", stream=stream)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"t.arrow: not a whole Arrow file, or damaged"):
        list(open_blocks(path, columns=["a"]))
    path.write_bytes(b"no Arrow data at all")
    with pytest.raises(FormatError, match=r"t.arrow: not a whole Arrow file"):
        open_blocks(path)
    empty = write(tmp_path / "empty.arrow", TABLE[:0], stream)
    with pytest.raises(FormatError, match="there are no rows"):
        list(open_blocks(empty, columns=["a"]))


def test_batches_above_the_memory_are_refused(tmp_path):
    table = pa.table({"a": np.zeros(10**6), "b": np.zeros(10**6)})
    path = write(tmp_path / "t.arrow", table, rows=10**6)
    with pytest.raises(
        FormatError, match=r"a record batch holds about 16 MB .* smaller batches, select columns"
    ):
        list(open_blocks(path, max_memory="6MB"))
    assert sum(map(len, open_blocks(path, max_memory="12MB", columns=["a"]))) == 10**6


def test_offsets_that_lead_out_of_the_texts(tmp_path):
    raw = pa.py_buffer(np.array([0, 10**6, 4], "i4").tobytes())
    texts = pa.StringArray.from_buffers(2, raw, pa.py_buffer(b"abcd"))
    path = write(tmp_path / "t.arrow", pa.table({"a": texts}))
    with pytest.raises(FormatError, match=r"column 'a', from row 0 on|damaged"):
        list(open_blocks(path, features=Keep()))
