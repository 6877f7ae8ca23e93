"""Objects that give tables: Arrow streams, polars, duckdb, datasets, chunks of pandas, cursors. pandas has the answers."""

import datetime
import decimal
import sqlite3

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")

from tests.blocks.rows import Keep, together, values_of  # noqa: E402

from esker._errors import FormatError  # noqa: E402
from esker.blocks import open_blocks  # noqa: E402

N = 30_000
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({
    "a": RNG.normal(size=N).astype("f4"), "k": RNG.integers(0, 9, N), "site": RNG.choice(["u", "v", "größe"], N),
    "y": RNG.integers(0, 2, N), "w": RNG.random(N),
})  # fmt: skip


class Stream:
    """Nothing but the Arrow protocol."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def arrow_table():
    return pa.Table.from_pandas(TABLE, preserve_index=False)


def dataset(tmp_path):
    ds = pytest.importorskip("pyarrow.dataset")
    TABLE.to_parquet(tmp_path / "t.parquet", row_group_size=7000)
    return ds.dataset(tmp_path / "t.parquet")


def duck():
    duckdb = pytest.importorskip("duckdb")
    rows = TABLE
    return duckdb.connect().from_df(rows)


def polars():
    return pytest.importorskip("polars").from_pandas(TABLE)


def query(connection=None):
    connection = connection or sqlite3.connect(":memory:")
    TABLE.to_sql("t", connection, index=False, if_exists="replace")
    return connection.execute("SELECT a, k, site, y, w FROM t ORDER BY rowid")


def chunks(rows=7000):
    return (TABLE.iloc[a : a + rows] for a in range(0, N, rows))


MANY = {
    "table": lambda _: arrow_table(),
    "batch": lambda _: arrow_table().combine_chunks().to_batches()[0],
    "dataset": dataset,
    "duckdb": lambda _: duck(),
    "polars": lambda _: polars(),
    "lazy": lambda _: polars().lazy(),
    "function of a reader": lambda _: lambda: arrow_table().to_reader(9000),
    "function of a cursor": lambda _: query,
    "function of chunks": lambda _: chunks,
    "list of tables": lambda _: list(chunks()),
}
ONCE = {
    "reader": lambda _: arrow_table().to_reader(9000),
    "stream": lambda _: Stream(arrow_table()),
    "scanner": lambda t: pytest.importorskip("pyarrow.dataset").Scanner.from_batches(
        arrow_table().to_reader()
    ),
    "cursor": lambda _: query(),
    "chunks": lambda _: chunks(),
}


@pytest.mark.parametrize("kind", [*MANY, *ONCE])
def test_numbers(kind, tmp_path):
    source = (MANY | ONCE)[kind](tmp_path)
    blocks = open_blocks(source, target="y", weight="w", columns=["k", "a"], block_size=300_000)
    assert blocks.feature_names == ["k", "a"]
    assert blocks.rereadable == (kind in MANY)
    assert blocks.n_rows in (None, N)
    got = list(blocks)
    assert len(got) > 1
    assert all(len(b) % 256 == 0 for b in got[:-1])
    np.testing.assert_array_equal(together(got), TABLE[["k", "a"]])
    np.testing.assert_array_equal(together(got, "y"), TABLE["y"])
    np.testing.assert_array_equal(together(got, "sample_weight"), TABLE["w"])
    assert together(got, "keys").tolist() == list(range(N))
    assert blocks.n_rows == N
    if kind in ONCE:
        with pytest.raises(
            ValueError, match=r"can be walked once and has been .* a function that returns a new one"
        ):
            list(blocks)
        return
    tail = list(blocks.read(blocks.parts[0], 8192))
    assert tail[0].first_key == 8192
    np.testing.assert_array_equal(together(tail), TABLE[["k", "a"]][8192:])
    if blocks.random_access:
        some = blocks.read_rows(blocks.parts[0], 4096, 5000)
        np.testing.assert_array_equal(some.X, TABLE[["k", "a"]][4096:5000])
        assert some.first_key == 4096


@pytest.mark.parametrize("kind", [*MANY, *ONCE])
def test_records(kind, tmp_path):
    blocks = open_blocks((MANY | ONCE)[kind](tmp_path), target="y", features=Keep(), block_size=300_000)
    assert blocks.holds_records
    assert blocks.feature_names == ["a", "k", "site", "w"]
    got = values_of(list(blocks))
    assert got == {name: TABLE[name].tolist() for name in got}


@pytest.mark.parametrize("kind", [*MANY, *ONCE])
def test_what_is_wrong_is_named(kind, tmp_path):
    made = (MANY | ONCE)[kind]
    with pytest.raises((FormatError, ValueError), match="column 'site' must be numeric"):
        list(open_blocks(made(tmp_path), target="y"))
    with pytest.raises(ValueError, match="target='z' is no column; the columns are 'a', 'k'"):
        open_blocks(made(tmp_path), target="z")
    with pytest.raises(ValueError, match="zero_based= has no effect"):
        open_blocks(made(tmp_path), target="y", zero_based=True)


def test_a_fit_over_each_is_the_fit_over_the_frame(tmp_path):
    from esker.linear_model import Ridge

    expected = Ridge().fit(TABLE[["a", "k"]], TABLE["y"]).coef_
    for kind, made in (MANY | ONCE).items():
        model = Ridge().fit(open_blocks(made(tmp_path), target="y", columns=["a", "k"]))
        np.testing.assert_allclose(model.coef_, expected, rtol=1e-4, err_msg=kind)


def test_polars_categories_and_gaps():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({
        "c": pl.Series(["u", None, "v"] * 1000, dtype=pl.Categorical), "e": pl.Series(["p", "q", None] * 1000, dtype=pl.Enum(["q", "p"])),
        "t": ["short", None, "a text that is no longer short"] * 1000, "n": [1, None, 3] * 1000, "x": [0.5, None, float("nan")] * 1000,
    })  # fmt: skip
    got = values_of(list(open_blocks(frame, features=Keep())))
    expected = {name: column.to_list() for name, column in frame.to_dict().items()}
    expected["x"] = [0.5, None, None] * 1000
    assert got == expected
    with pytest.raises(FormatError, match="DataFrame: a value is missing in column 'n', row 1"):
        list(open_blocks(frame, columns=["n"]))


def test_batches_that_differ():
    one, two = (
        TABLE[["k", "site"]][:5000],
        TABLE[["k", "site"]][5000:9000].astype({"k": float}) + {"k": 0.5, "site": ""},
    )
    got = values_of(list(open_blocks([one, two], features=Keep())))
    assert got["k"] == one["k"].tolist() + two["k"].tolist()
    with pytest.raises(
        FormatError, match=r"batch 1 .*: column 'site' is int64, and was (large_)?string before"
    ):
        list(open_blocks([one, two.assign(site=1)], features=Keep()))
    with pytest.raises(
        FormatError, match=r"batch 1 .*row 5000\): expected columns k, site, as before, got k, u"
    ):
        list(open_blocks([one, two.rename(columns={"site": "u"})], features=Keep()))
    with pytest.raises(FormatError, match=r"batch 1 .*: expected a table, as before, got tuple"):
        list(open_blocks([one, (two, None)], features=Keep()))


@pytest.mark.parametrize("kind", ["table", "function of a reader", "function of a cursor", "list of tables"])
def test_a_source_without_rows(kind):
    empty = TABLE[:0]
    source = {
        "table": pa.Table.from_pandas(empty, preserve_index=False),
        "function of a reader": lambda: pa.Table.from_pandas(empty, preserve_index=False).to_reader(),
        "function of a cursor": lambda: sqlite3.connect(":memory:").execute("SELECT 1 AS a, 2 AS y WHERE 0"),
        "list of tables": [empty],
    }[kind]
    with pytest.raises(FormatError, match=r"no rows"):
        list(open_blocks(source, target="y", columns=["a"]))


# --- cursors ---


class Rows:
    """A cursor of rows that are here, which gives at most 1000 at a time."""

    def __init__(self, names, rows):
        self.description = [(name, *[None] * 6) for name in names]
        self.rows, self.arraysize, self.asked = iter(rows), 1, []

    def fetchmany(self, size):
        self.asked.append(size)
        return [row for _, row in zip(range(min(size, 1000)), self.rows)]


def test_values_of_a_cursor():
    day, zone = datetime.date(2024, 2, 29), datetime.timezone(datetime.timedelta(hours=2))
    rows = [
        (None, 1, decimal.Decimal("0.5"), day, datetime.datetime(1970, 1, 1, 3, tzinfo=zone), b"raw", None),
        ("t", 2**60 + 1, None, None, None, None, None),
    ] * 2500
    names = ["text", "whole", "dec", "day", "moment", "raw", "none"]
    source = Rows(names, rows)
    blocks = open_blocks(source, features=Keep(), block_size="1MB")
    got = values_of(list(blocks))
    seconds = datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC).timestamp()
    one = {
        "text": [None, "t"], "whole": [1, 2**60 + 1], "dec": [0.5, None], "day": [seconds, None], "moment": [3600, None],
        "raw": ["raw", None], "none": [None, None],
    }  # fmt: skip
    assert got == {name: v * 2500 for name, v in one.items()}
    assert max(source.asked) * 64 * len(names) <= 10**6


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([(1, 2), (None, 1)], {}, r"value is missing in column 'a', row 1 .*COALESCE"),
        ([(1, 2), (1, None)], {}, r"value is missing in column 'y', row 1"),
        ([("1", 2)], {}, r"column 'a' must be numeric, got the str '1' in row 0 .* CAST it"),
        ([(1, 2), ("u", 2)], {"features": Keep()}, r"column 'a' must be numeric, got the str 'u' in row 1"),
        ([("u", 2), (1, 2)], {"features": Keep()}, r"column 'a' must be text, .* got the int 1 in row 1"),
        ([(b"\xff", 2)], {"features": Keep()}, r"column 'a' must be text in UTF-8"),
        ([(1, 2, 3)], {}, r"expected 2 values in a row, got 3"),
    ],
)
def test_bad_rows_of_a_cursor(rows, options, message):
    with pytest.raises(FormatError, match=message):
        list(open_blocks(Rows(["a", "y"], rows), target="y", **options))


def test_a_cursor_without_a_result():
    with pytest.raises(ValueError, match="execute a SELECT first"):
        open_blocks(sqlite3.connect(":memory:").execute("CREATE TABLE t (a)"), target="a")
    with pytest.raises(FormatError, match="two columns have the name 'a'; rename one with AS"):
        open_blocks(Rows(["a", "a"], [(1, 2)]))


def test_text_labels_of_a_query():
    blocks = open_blocks(Rows(["a", "y"], [(1, "up"), (2, "down")]), target="y")
    assert together(blocks, "y").tolist() == ["up", "down"]
