"""Files without rows among several, as jobs that write in parts leave them, are passed over; alone they are errors."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import esker
from esker import open_blocks
from esker.feature_extraction import TableHasher
from esker.linear_model import Ridge, SGDRegressor

X = np.random.default_rng(1).random((300, 2))
Y = X @ [1.0, 2.0]
CUTS = [(0, 0), (0, 150), (150, 150), (150, 300), (300, 300)]


def write(folder: Path, kind: str) -> list[Path]:
    """Five files, of which two have rows."""
    pd = pytest.importorskip("pandas")
    pa = pytest.importorskip("pyarrow")
    import pyarrow.feather
    import pyarrow.parquet

    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "s": [f"t{i % 3}" for i in range(300)], "y": Y})
    table = pa.Table.from_pandas(frame)
    paths = [folder / f"p{k}.{kind}" for k in range(5)]
    for path, (begin, end) in zip(paths, CUTS):
        rows, some = table.slice(begin, end - begin), frame[begin:end]
        if kind == "parquet":
            pyarrow.parquet.write_table(rows, path)
        elif kind == "feather":
            pyarrow.feather.write_feather(rows, path)
        elif kind.startswith("csv"):
            text = some.to_csv(index=False).encode()
            path.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
        elif kind == "jsonl":
            path.write_text(
                some.to_json(orient="records", lines=True, double_precision=15) if len(some) else ""
            )
        else:
            path.write_text(
                "".join(
                    f"{y} 0:{a!r} 1:{b!r}\n"
                    for (a, b), y in zip(X[begin:end].tolist(), Y[begin:end].tolist())
                )
            )
    return paths


@pytest.mark.parametrize("kind", ["parquet", "feather", "csv", "csv.gz", "jsonl", "svm"])
def test_files_without_rows_among_others(tmp_path: Path, kind: str) -> None:
    paths = write(tmp_path, kind)
    columns: dict[str, Any] = {} if kind == "svm" else {"target": "y", "columns": ["a", "b"]}
    for source in (str(tmp_path / f"p*.{kind}"), paths, paths[1:]):
        blocks = open_blocks(source, **columns)
        np.testing.assert_allclose(Ridge().fit(blocks).coef_, Ridge().fit(X, Y).coef_, rtol=1e-8)
        X_all = np.vstack([block.X.toarray() if kind == "svm" else block.X for block in blocks])
        np.testing.assert_allclose(X_all, X, rtol=1e-9)
        assert blocks.describe()["rows"] == 300
        assert sum(map(len, blocks.split(0.3)[0])) + sum(map(len, blocks.split(0.3)[1])) == 300
        assert [sum(map(len, some)) for some in (blocks.sample(50), blocks.head(200))] == [50, 200]
    esker.blocks.write_block_file(open_blocks(paths, **columns), tmp_path / "all.esk")
    assert open_blocks(tmp_path / "all.esk").n_rows == 300
    if kind != "svm":
        hasher = TableHasher(numeric=["a", "b"], categorical=["s"], n_features=64)
        for order in ([0, 1, 3], [1, 0, 3], [1, 2, 3, 4]):
            hashed = open_blocks([paths[k] for k in order], target="y", features=hasher)
            assert SGDRegressor(random_state=0).fit(hashed).score(hashed) > 0.9


@pytest.mark.parametrize("kind", ["parquet", "feather", "csv", "jsonl", "svm"])
def test_files_without_rows_alone(tmp_path: Path, kind: str) -> None:
    paths = write(tmp_path, kind)
    columns: dict[str, Any] = {} if kind == "svm" else {"target": "y", "columns": ["a", "b"]}
    for source in (paths[0], [paths[0], paths[2]]):
        with pytest.raises(ValueError, match=r"no rows|is empty|0 sample"):
            Ridge().fit(open_blocks(source, **columns))
