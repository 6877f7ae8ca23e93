"""What commands write is never a file that they read; columns of every kind of table are matched by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esker
from esker.cli import main
from esker.linear_model import Ridge

pa = pytest.importorskip("pyarrow")

X = np.random.default_rng(5).standard_normal((300, 2))
Y = X @ [1.0, -2.0] + 3


def write(path: Path, table: Any) -> Path:
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    if path.suffix == ".jsonl":
        path.write_text(table.to_pandas().to_json(orient="records", lines=True))
    else:
        {
            ".csv": pyarrow.csv.write_csv,
            ".parquet": pyarrow.parquet.write_table,
            ".feather": pyarrow.feather.write_feather,
        }[path.suffix](table, path)
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather", "jsonl"])
def test_columns_are_matched_by_name(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("pandas")
    columns = {"a": X[:, 0], "b": X[:, 1], "y": Y}
    train = write(tmp_path / f"train.{ending}", pa.table(columns))
    other = write(
        tmp_path / f"other.{ending}", pa.table({name: columns[name] for name in ("y", "b", "a")} | {"c": Y})
    )
    model, out = str(tmp_path / "m"), tmp_path / "out.csv"
    assert (
        main(["fit", str(train), "--target", "y", "--model", "ridge", "--test", str(train), "-o", model]) == 0
    )
    for file in (train, other):
        assert main(["predict", model, str(file), "-o", str(out)]) == 0
        said = np.loadtxt(out, skiprows=1)
        np.testing.assert_allclose(said, Ridge().fit(X, Y).predict(X), rtol=1e-6)
