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


def test_no_command_writes_over_what_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.column_stack([X, Y]))
    data, model = str(tmp_path / "a.npy"), str(tmp_path / "m")
    learn = ["fit", data, "--target", "2", "--model", "sgd", "--task", "regression", "--epochs", "1"]
    assert main([*learn, "-o", model]) == 0
    held = {path: Path(path).read_bytes() for path in (data, model)}
    for words in (
        [*learn, "-o", data],
        [*learn, "-o", str(tmp_path / "n"), "--checkpoint", data],
        ["predict", model, data, "-o", data],
        ["predict", model, data, "-o", model],
        ["convert", data, data],
    ):
        capsys.readouterr()
        assert main(words) == 2, words
        assert "expected another file to write to, got one that is read" in capsys.readouterr().err
    blocks = esker.open_blocks(data, target=2)
    for write_it in (
        lambda: esker.load(model).predict(blocks, out=data),
        lambda: esker.blocks.write_block_file(blocks, data),
    ):
        with pytest.raises(ValueError, match="got one that is read"):
            write_it()
    assert {path: Path(path).read_bytes() for path in held} == held
    assert {path.name for path in tmp_path.iterdir()} == {"a.npy", "m"}
