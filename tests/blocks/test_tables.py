"""CSV and Parquet: what pandas reads, by name, in pieces; what is wrong in a file is named."""

import subprocess
import sys

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

from pyarrow import feather, parquet  # noqa: E402
from tests.blocks.rows import together  # noqa: E402

from esker._errors import FormatError  # noqa: E402
from esker.blocks import key, open_blocks  # noqa: E402

N = 12_000
RNG = np.random.default_rng(0)


def frame():
    table = pd.DataFrame(RNG.normal(size=(N, 3)), columns=["a", "b", "c"])
    table["n"] = np.arange(N)
    table["flag"] = RNG.random(N) < 0.5
    table["label"] = np.where(table["a"] > 0, "up", "down")
    table["w"] = RNG.random(N)
    return table


TABLE = frame()
WRITE = {
    "t.csv": lambda t, p: t.to_csv(p, index=False),
    "t.csv.gz": lambda t, p: t.to_csv(p, index=False),
    "t.tsv": lambda t, p: t.to_csv(p, index=False, sep="\t"),
    "t.parquet": lambda t, p: t.to_parquet(p, row_group_size=5000),
}


@pytest.fixture(params=list(WRITE))
def path(request, tmp_path):
    WRITE[request.param](TABLE, tmp_path / request.param)
    return tmp_path / request.param


def test_columns_by_name_and_number(path):
    blocks = open_blocks(path, target="label", weight="w", block_size=400_000)
    assert blocks.feature_names == ["a", "b", "c", "n", "flag"]
    assert len(list(blocks)) > 1
    np.testing.assert_array_equal(together(blocks), TABLE[blocks.feature_names].to_numpy(dtype=float))
    assert (together(blocks, "y") == TABLE["label"]).all()
    np.testing.assert_array_equal(together(blocks, "sample_weight"), TABLE["w"])
    assert together(blocks, "keys").tolist() == list(range(N))
    blocks = open_blocks(path, target=3, columns=["c", "flag", 0])
    np.testing.assert_array_equal(together(blocks), TABLE[["c", "flag", "a"]].to_numpy(dtype=float))
    np.testing.assert_array_equal(together(blocks, "y"), TABLE["n"])
    blocks = open_blocks(path, target=["a", "n"], columns=["b"], dtype="float32")
    assert (blocks.dtype, blocks.n_targets) == (np.float32, 2)
    np.testing.assert_array_equal(together(blocks, "y"), TABLE[["a", "n"]])
    np.testing.assert_array_equal(together(blocks), TABLE[["b"]].to_numpy(dtype="f4"))


def test_reading_from_the_middle_and_visits(path):
    blocks = open_blocks(path, target="label", weight="w", block_size=100_000)
    whole = together(blocks)
    tail = list(blocks.read(blocks.parts[0], 8192))
    assert tail[0].first_key == 8192
    np.testing.assert_array_equal(together(tail), whole[8192:])
    assert list(blocks.read(blocks.parts[0], 12_288)) == []
    other = open_blocks(path, target="label", weight="w", max_memory="30MB")
    for epoch in (0, 1):
        one, two = (
            [b.keys[b.order] for b in s.visits(epoch, seed=0, shuffle_rows=2500)] for s in (blocks, other)
        )
        assert sorted(np.concatenate(one)) == list(range(N))
        assert all(np.array_equal(a, b) for a, b in zip(one, two))
        rest = [b.keys[b.order] for b in blocks.visits(epoch, seed=0, shuffle_rows=2500, start=2)]
        np.testing.assert_array_equal(np.concatenate(rest), np.concatenate(one[2:]))


def test_several_files(path):
    blocks = open_blocks([path, path], target="label")
    assert len(blocks.parts) == 2
    assert together(blocks, "keys")[N] == key(1, 0)
    assert together(blocks).shape == (2 * N, 6)
    other = path.with_name("other" + "".join(path.suffixes))
    WRITE[path.name](TABLE.rename(columns={"b": "z"}), other)
    with pytest.raises(FormatError, match=r"other.*column 'b' is missing"):
        open_blocks([path, other], target="label")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "column 'label' must be numeric, got (large_)?string; leave it out with columns="),
        ({"target": "y"}, "target='y' is no column; the columns are 'a', 'b'"),
        ({"target": 7}, "target=7 is no column"),
        ({"target": "label", "columns": ["a", "label"]}, "names the target or the weight"),
        ({"target": "label", "weight": "label"}, "same column twice"),
        ({"target": "label", "columns": []}, "no column is left"),
        ({"target": np.ones(3)}, "name or number of a column, got an array"),
        ({"target": "label", "zero_based": False}, "zero_based= has no effect"),
        ({"target": "label", "n_features": 3}, "n_features= has no effect"),
    ],
)
def test_bad_arguments(path, options, message):
    with pytest.raises(ValueError, match=message):
        open_blocks(path, **options)


@pytest.mark.parametrize("column", ["b", "label", "w"])
def test_a_missing_value_names_row_and_column(path, column):
    table = TABLE.copy()
    table.loc[10_001, column] = None
    WRITE[path.name](table, path)
    blocks = open_blocks(path, target="label", weight="w", block_size=100_000)
    with pytest.raises(
        FormatError, match=rf"{path.name}: a value is missing in column '{column}', row 10001"
    ):
        list(blocks)


def test_infinity_names_row_and_column(path):
    table = TABLE.copy()
    table.loc[9000, "c"] = -np.inf
    WRITE[path.name](table, path)
    with pytest.raises(FormatError, match=rf"{path.name}: .*row 9000, column 2 \('c'\)"):
        list(open_blocks(path, target="label", block_size=100_000))


# --- text alone ---


def csv(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    return tmp_path / "t.csv"


def test_whole_numbers_may_become_fractions_far_down(tmp_path):
    lines = ["x,y", *(f"{i},{i}" for i in range(900_000)), "0.5,1.5"]  # beyond the first block of text
    blocks = open_blocks(csv(tmp_path, "\n".join(lines)), target="y")
    assert together(blocks)[-1, 0] == 0.5
    assert together(blocks, "y")[-1] == 1.5


def test_malformed_text_names_file_and_line(tmp_path):
    good = "a,b\n" + "1,2\n" * 500
    for bad, message in (
        ("1\n", "t.csv:502: .*Expected 2 columns, got 1"),
        ("1,x\n", "t.csv:502: .*invalid value 'x'"),
    ):
        # Beyond the first block of text, or types would be those of the first look.
        path = csv(tmp_path, good + "1,2\n" * 1_500_000 + bad)
        with pytest.raises(FormatError, match=message.replace("502", "1500502")):
            list(open_blocks(path, target="b"))
    with pytest.raises(FormatError, match=r"t.csv:3: .*Expected 2 columns, got 3"):
        open_blocks(csv(tmp_path, "a,b\n1,2\n1,2,3\n"), target="b")
    with pytest.raises(FormatError, match="two columns have the name 'a'"):
        open_blocks(csv(tmp_path, "a,a\n1,2\n"))
    with pytest.raises(FormatError, match="the first line must name the columns"):
        open_blocks(csv(tmp_path, "1.5,2\n3,4\n"))
    assert open_blocks(csv(tmp_path, "0,1\n3,4\n"), target="1").feature_names == ["0"]
    with pytest.raises(FormatError, match="there are no rows"):
        list(open_blocks(csv(tmp_path, "a,b\n"), target="b"))
    with pytest.raises(FormatError, match="the file is empty"):
        open_blocks(csv(tmp_path, ""))
    with pytest.raises(FormatError, match="column 'a' must be numeric, got string"):
        open_blocks(csv(tmp_path, "a,b\nx,1\n"), target="b")


# --- Parquet alone ---


def test_damaged_parquet(tmp_path):
    WRITE["t.parquet"](TABLE, tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:-100])
    with pytest.raises(FormatError, match=r"t.parquet: not a whole Parquet file"):
        open_blocks(tmp_path / "t.parquet")


def test_a_row_group_above_the_memory_is_refused(tmp_path):
    wide = pd.DataFrame(RNG.normal(size=(20_000, 20)), columns=[f"x{j}" for j in range(20)])
    wide.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        FormatError, match=r"row group 0 holds 4.0 MB .*max_memory is 2.0 MB; write the file with smaller row"
    ):
        list(open_blocks(tmp_path / "t.parquet", max_memory="2MB"))
    few = open_blocks(tmp_path / "t.parquet", max_memory="2MB", columns=["x3"])
    np.testing.assert_array_equal(together(few), wide[["x3"]])


def test_types_of_parquet(tmp_path):
    import decimal

    table = pd.DataFrame({
        "i8": np.arange(5, dtype="i1"), "f4": np.arange(5, dtype="f4"), "b": [True, False] * 2 + [True],
        "d": [decimal.Decimal(j) / 4 for j in range(5)], "c": pd.Categorical(list("abbac")), "t": pd.Timestamp(0),
        "y": np.arange(5, dtype="i8"),
    })  # fmt: skip
    table.to_parquet(tmp_path / "t.parquet")
    blocks = open_blocks(tmp_path / "t.parquet", columns=["i8", "f4", "b"], target="c")
    assert blocks.dtype == np.float32
    assert together(blocks, "y").tolist() == list("abbac")
    np.testing.assert_array_equal(together(blocks), table[["i8", "f4", "b"]].to_numpy("f4"))
    blocks = open_blocks(tmp_path / "t.parquet", columns=["d"], target="y")
    np.testing.assert_array_equal(together(blocks)[:, 0], [0, 0.25, 0.5, 0.75, 1])
    assert together(blocks, "y").dtype == np.int64
    for name in ("c", "t"):
        with pytest.raises(FormatError, match=f"column '{name}' must be numeric"):
            open_blocks(tmp_path / "t.parquet", columns=[name])


def test_without_pyarrow_the_way_out_is_named(tmp_path):
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import esker\n"
        "try: esker.open_blocks(sys.argv[1], target='b')\n"
        "except ImportError as e: print(e)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(csv(tmp_path, "a,b\n1,2\n"))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "reading CSV files needs pyarrow: pip install esker[arrow]\n"


# --- text without a line of names ---


def test_names_of_text_without_them(tmp_path):
    path = csv(tmp_path, "1,2.5\n3,4\n")
    with pytest.raises(FormatError, match=r"the first line must name the columns, .* pass names=\[...\]"):
        open_blocks(path)
    blocks = open_blocks(path, names=["a", "y"], target="y")
    assert [(b.X.tolist(), b.y.tolist()) for b in blocks] == [([[1], [3]], [2.5, 4])]
    with pytest.raises(FormatError, match=r"t.csv:1: .*Expected 3 columns, got 2"):
        open_blocks(path, names=["a", "b", "y"])
    with pytest.raises(ValueError, match="names= must be a list of the columns' names"):
        open_blocks(path, names="ab")
    with pytest.raises(ValueError, match="names= has no effect on ndarray"):
        open_blocks(np.ones((3, 2)), names=["a", "y"])
    TABLE.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="names= has no effect on parquet files"):
        open_blocks(tmp_path / "t.parquet", names=["a", "y"])


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_the_index_of_a_pandas_frame_is_no_feature(tmp_path, suffix):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 9, 6], "y": [0, 1, 0]}, index=[7, 8, 9])
    path = tmp_path / f"t.{suffix}"

    def write(frame):
        table = pa.Table.from_pandas(frame)
        parquet.write_table(table, path) if suffix == "parquet" else feather.write_feather(table, path)

    for index in (
        frame.index,
        pd.Index(list("uvw")),
        pd.MultiIndex.from_arrays([[1, 1, 2], [1, 2, 1]], names=["m", "n"]),
    ):
        write(frame.set_axis(index))
        blocks = open_blocks(path, target="y")
        assert blocks.feature_names == ["a", "b"]
        np.testing.assert_array_equal(np.concatenate([b.X for b in blocks]), frame[["a", "b"]])
    write(frame.set_index("b"))
    assert open_blocks(path, target="y").feature_names == ["a"]
    assert open_blocks(path, target="y", columns=["b", "a"]).feature_names == ["b", "a"]  # asked for by name
    assert open_blocks(path, target="b").feature_names == ["a", "y"]
    write(frame.reset_index(drop=True))  # a range, which is no column
    assert open_blocks(path, target="y").feature_names == ["a", "b"]
