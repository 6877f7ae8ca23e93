"""Ids as categories: no digit is lost and no zero dropped, from any source."""

import json

import numpy as np
import pytest

from esker.blocks import open_blocks
from esker.feature_extraction import TableHasher

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
parquet = pytest.importorskip("pyarrow.parquet")

BIG = 2**53
IDS = [BIG, BIG + 1, BIG + 2, BIG + 3, 7, 2**62 + 1] * 50
HOURS = [0, 1, 2, 3, 4, 5] * 50
HASHER = TableHasher(numeric=["x"], categorical=["id"], crosses=[("id", "hour"), ("x", "hour")])
X = np.linspace(0, 1, len(IDS))


def equal(a, b):
    return a.shape == b.shape and (a != b).nnz == 0


def hashed(source, hasher=HASHER, **options):
    return open_blocks(source, features=hasher, **options).take_all().X


def strings(ids):
    return pd.DataFrame(
        {"id": [None if i is None else str(i) for i in ids], "hour": [str(h) for h in HOURS], "x": X}
    )


@pytest.mark.parametrize("ids", [IDS, [None, *IDS[1:]]], ids=["whole", "with a gap"])
def test_every_source_has_every_digit(tmp_path, ids):
    expected = HASHER.transform(strings(ids))
    distinct = {tuple(expected[[i]].indices) for i in range(6)}
    assert len(distinct) == 6
    frame = strings(ids)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "texts.parquet")
    table = pa.table({"id": pa.array(ids, pa.int64()), "hour": HOURS, "x": X})
    parquet.write_table(table, tmp_path / "t.parquet", row_group_size=100)
    decimals = table.set_column(
        0, "id", pa.array([None if i is None else i for i in ids]).cast(pa.decimal128(38))
    )
    parquet.write_table(decimals, tmp_path / "decimals.parquet")
    rows = [{"id": i, "hour": h, "x": x} for i, h, x in zip(ids, HOURS, X.tolist())]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ("t.csv", "t.tsv", "texts.parquet", "t.parquet", "decimals.parquet", "t.jsonl"):
        assert equal(hashed(tmp_path / name), expected), name
    assert equal(hashed(table), expected)
    assert equal(HASHER.transform(table), expected)


def test_zeros_in_front_stay(tmp_path):
    (tmp_path / "t.csv").write_text("y,id\n1,007\n0,7\n1,0x7\n")
    rows = hashed(tmp_path / "t.csv", TableHasher(categorical=["id"]), target="y")
    assert equal(rows, TableHasher(categorical=["id"]).transform({"id": ["007", "7", "0x7"]}))


def test_texts_after_a_first_block_of_numbers(tmp_path):
    (tmp_path / "t.csv").write_text("id,x\n" + "12,1\n" * 30_000 + "a12,1\n")
    rows = hashed(tmp_path / "t.csv", TableHasher(categorical=["id"]), block_size=100_000)
    assert equal(rows[[0, -1]], TableHasher(categorical=["id"]).transform({"id": ["12", "a12"]}))


def test_the_second_file_has_what_looks_like_another_type(tmp_path):
    (tmp_path / "a.csv").write_text("id,x\n12,1\n")
    (tmp_path / "b.csv").write_text("id,x\nb,1\n")
    rows = hashed([tmp_path / "a.csv", tmp_path / "b.csv"], TableHasher(categorical=["id"]))
    assert equal(rows, TableHasher(categorical=["id"]).transform({"id": ["12", "b"]}))


def test_a_whole_number_is_one_category_whether_others_are_missing_or_not(tmp_path):
    """Beside a missing value Arrow's integers become float64: 5.0 there is 5 elsewhere."""
    hasher = TableHasher(categorical=["id"])
    ids = [5] * 3000 + [5] * 2999 + [None]
    parquet.write_table(
        pa.table({"id": pa.array(ids, pa.int64())}), tmp_path / "t.parquet", row_group_size=3000
    )
    rows = hashed(tmp_path / "t.parquet", hasher, block_size=100_000)
    assert len(set(rows.indices[:-1].tolist())) == 1
    assert equal(rows, hasher.transform({"id": [None if i is None else str(i) for i in ids]}))


def test_numbers_of_a_cross_stay_numbers(tmp_path):
    (tmp_path / "t.csv").write_text("x,b\n1.50,1\n2.0,2\n")
    hasher = TableHasher(numeric=["x"], crosses=[("x", "b")])
    assert equal(hashed(tmp_path / "t.csv", hasher), hasher.transform({"x": [1.5, 2.0], "b": ["1", "2"]}))
