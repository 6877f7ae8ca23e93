"""Tables behind features=: texts, numbers, dates and missing values come as Records, in every format the same."""

import datetime
import decimal

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

from tests.blocks.rows import Keep, values  # noqa: E402

from esker._errors import FormatError  # noqa: E402
from esker.blocks import open_blocks  # noqa: E402
from esker.blocks.records import Records  # noqa: E402

N = 10_000
RNG = np.random.default_rng(0)


def opened(source, **options):
    blocks = open_blocks(source, features=Keep(), **options)
    assert blocks.holds_records
    return blocks


def rows(blocks):
    got = list(blocks)
    assert all(isinstance(b.X, Records) for b in got)
    assert np.concatenate([b.keys for b in got]).tolist() == list(range(sum(map(len, got))))
    return values(Records.concat([b.X for b in got])), got


def frame(n=N):
    site = RNG.choice(["a.com", "b.org", "größe.de", ""], n).astype(object)
    user = np.array([f"user {k}" for k in RNG.integers(0, 10**6, n)], object)
    site[RNG.random(n) < 0.1] = None
    table = pd.DataFrame({"site": site, "user": user, "x": RNG.normal(size=n), "k": RNG.integers(0, 99, n)})
    table.loc[RNG.random(n) < 0.1, "x"] = np.nan
    table["gap"] = table["k"].where(RNG.random(n) < 0.9)
    table["flag"] = RNG.random(n) < 0.5
    table["y"] = (RNG.random(n) < 0.3).astype(int)
    table["w"] = RNG.random(n)
    return table


TABLE = frame()
EXPECTED = {
    name: [None if v is None or v != v else v for v in TABLE[name].tolist()]
    for name in ("site", "user", "x", "k", "gap", "flag")
}


def test_parquet(tmp_path):
    TABLE.to_parquet(tmp_path / "t.parquet", row_group_size=3000)
    blocks = opened(tmp_path / "t.parquet", target="y", weight="w", block_size=200_000)
    assert blocks.feature_names == ["site", "user", "x", "k", "gap", "flag"]
    got, cut = rows(blocks)
    assert got == EXPECTED
    assert len(cut) > 1
    assert all(len(b) % 256 == 0 for b in cut[:-1])
    assert cut[0].X.columns["site"].codes is not None  # few texts, as Parquet's dictionary has them
    assert cut[0].X.columns["user"].codes is None  # a text of their own for most rows
    np.testing.assert_array_equal(np.concatenate([b.y for b in cut]), TABLE["y"])
    np.testing.assert_array_equal(np.concatenate([b.sample_weight for b in cut]), TABLE["w"])


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_text(tmp_path, name):
    TABLE.to_csv(tmp_path / name, index=False, sep="\t" if name == "t.tsv" else ",")
    got, _ = rows(opened(tmp_path / name, target="y", weight="w", block_size=200_000))
    expected = {**EXPECTED, "site": [v or None for v in EXPECTED["site"]]}  # an empty text is a missing one
    assert got == expected


def test_pandas():
    table = TABLE.assign(site=TABLE["site"].astype("category"), gap=TABLE["gap"].astype("Int64"))
    for one in (TABLE, table):
        blocks = opened(one, target="y", weight="w", block_size=200_000)
        got, cut = rows(blocks)
        assert got == EXPECTED
        assert len(cut) > 1
    assert cut[0].X.columns["site"].codes is not None
    assert values(blocks.read_rows(blocks.parts[0], 4096, 4100).X)["user"] == EXPECTED["user"][4096:4100]


def test_reading_from_the_middle(tmp_path):
    TABLE.to_parquet(tmp_path / "t.parquet", row_group_size=3000)
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    for name in ("t.parquet", "t.csv"):
        blocks = opened(tmp_path / name, target="y", columns=["user", "x"], block_size=100_000)
        tail = list(blocks.read(blocks.parts[0], 8192))
        assert tail[0].first_key == 8192
        got = values(Records.concat([b.X for b in tail]))
        assert got == {name: EXPECTED[name][8192:] for name in ("user", "x")}


def test_every_type_of_column(tmp_path):
    day = datetime.date(2024, 2, 29)
    moment = datetime.datetime(2024, 2, 29, 12, 0, 0, 250_000)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    columns = {
        "large": pa.array(["a", None, "ccc"], pa.large_string()),
        "bytes": pa.array([b"a", b"", None], pa.binary()),
        "view": pa.array(["a", None, "a text that is no longer short"], pa.string_view()),
        "coded": pa.array(["u", "v", None]).dictionary_encode(),
        "numbers coded": pa.array([7, 7, None]).dictionary_encode(),
        "null": pa.nulls(3),
        "flag": pa.array([True, None, False]),
        "f4": pa.array([0.5, None, -1.0], pa.float32()),
        "whole": pa.array([2**62, 0, -1], pa.int64()),
        "part": pa.array([2**53, None, -1], pa.int64()),
        "dec": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal(-3)]),
        "date": pa.array([day, None, datetime.date(1969, 12, 31)]),
        "date64": pa.array([day, None, None], pa.date64()),
        "moment": pa.array([moment, None, moment], pa.timestamp("ns")),
        "zoned": pa.array([moment.replace(tzinfo=zone), None, None], pa.timestamp("us", "Europe/Paris")),
        "time": pa.array([datetime.time(1, 0, 1), None, None], pa.time32("s")),
        "span": pa.array([datetime.timedelta(seconds=1.5), None, None], pa.duration("ms")),
    }
    midnight = datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC).timestamp()
    expected = {
        "large": ["a", None, "ccc"], "bytes": ["a", "", None], "coded": ["u", "v", None], "null": [None] * 3,
        "view": ["a", None, "a text that is no longer short"], "numbers coded": [7, 7, None],
        "flag": [1, None, 0], "f4": [0.5, None, -1], "whole": [2**62, 0, -1], "part": [2**53, None, -1],
        "dec": [1.25, None, -3], "date": [midnight, None, -86_400], "date64": [midnight, None, None],
        "moment": [midnight + 43_200.25, None, midnight + 43_200.25], "zoned": [midnight + 36_000.25, None, None],
        "time": [3601, None, None], "span": [1.5, None, None],
    }  # fmt: skip
    import pyarrow.parquet as parquet

    from esker.blocks.arrow_columns import record

    assert values(Records({name: record(a) for name, a in columns.items()})) == expected
    sliced = {name: record(pa.concat_arrays([a, a]).slice(2, 2)) for name, a in columns.items()}
    assert values(Records(sliced)) == {name: [v[2], v[0]] for name, v in expected.items()}
    assert values(Records({n: record(a[:0]) for n, a in columns.items()})) == {n: [] for n in columns}
    table = pa.table({name: a for name, a in columns.items() if name != "view"})
    parquet.write_table(table, tmp_path / "t.parquet")
    got, _ = rows(opened(tmp_path / "t.parquet"))
    assert got == {name: expected[name] for name in table.column_names}


def test_what_records_cannot_hold(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [[1], [2]], "b": ["u", "v"]}).to_parquet(path)
    with pytest.raises(
        FormatError, match=r"t.parquet: column 'a' must hold numbers, texts, dates .* got list"
    ):
        opened(path)
    assert rows(opened(path, columns=["b"]))[0] == {"b": ["u", "v"]}
    pd.DataFrame({"a": pd.array([2**53 + 1, None], "Int64")}).to_parquet(path)
    with pytest.raises(FormatError, match=r"column 'a' has missing values and integers beyond 2\*\*53"):
        list(opened(path))
    with pytest.raises(FormatError, match=r"column 'a' has missing values and integers beyond 2\*\*53"):
        list(opened(pd.DataFrame({"a": pd.array([2**53 + 1, None], "Int64")})))
    with pytest.raises(
        FormatError, match=r"column 'a' must hold texts, .* got a int in a column of dtype object"
    ):
        list(opened(pd.DataFrame({"a": ["x", 3]}, dtype=object)))
    pd.DataFrame({"a": [b"\xff", b"x"]}).to_parquet(path)
    with pytest.raises(FormatError, match=r"column 'a', from row 0 on: .*UTF8"):
        list(opened(path))


def test_columns_of_text_with_nothing_at_first(tmp_path):
    lines = ["a,b", *([",1"] * 700_000), "late,2"]  # beyond the first block of text
    (tmp_path / "t.csv").write_text("\n".join(lines))
    got = [b.X.columns["a"].tolist() for b in opened(tmp_path / "t.csv", target="b")]
    assert sum(map(len, got)) == 700_001
    assert got[-1][-1] == "late"


def test_files_of_one_source(tmp_path):
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    one.write_text("a,b\nx,1\n")
    two.write_text("b,a\n2,3\n")
    blocks = opened([one, two])
    assert [values(b.X) for b in blocks] == [{"a": ["x"], "b": [1]}, {"a": ["3"], "b": [2]}]
    with pytest.raises(FormatError, match=r"1.csv: column 'a' is double in .*2.csv, and string here"):
        opened([two, one])
    pd.DataFrame({"a": ["x"]}).to_parquet(one.with_suffix(".parquet"))
    pd.DataFrame({"a": [1]}).to_parquet(two.with_suffix(".parquet"))
    with pytest.raises(FormatError, match=r"2.parquet: column 'a' is (large_)?string in .*, and int64 here"):
        opened([one.with_suffix(".parquet"), two.with_suffix(".parquet")])


def test_a_column_with_a_dictionary_in_some_batches_alone_is_joined():
    pa = pytest.importorskip("pyarrow")
    from esker.blocks.arrow_cut import cut_batches

    few = pa.record_batch({"a": pa.array(["x", "y", "x"]).dictionary_encode(), "b": [1, 2, 3]})
    many = pa.record_batch({"a": pa.array(["z", None]), "b": [4, 5]})
    found = list(cut_batches(iter([(0, few), (3, many), (5, few)]), lambda batch: 100))
    assert [row for row, _ in found] == [0]
    assert found[0][1].column("a").to_pylist() == ["x", "y", "x", "z", None, "x", "y", "x"]
    assert found[0][1].column("b").to_pylist() == [1, 2, 3, 4, 5, 1, 2, 3]
