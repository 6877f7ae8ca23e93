"""The commands in the documentation are run as they stand, and its Python examples too."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

from esker.cli import main

DOCS = Path(__file__).parent.parent / "docs"
EXAMPLES = re.compile(r"^```(sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_commands_of_the_command_line_page(tmp_path, monkeypatch, capfd):
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    commands = 0
    for kind, text in EXAMPLES.findall((DOCS / "command-line.md").read_text()):
        if kind == "python":
            exec(compile(text, "command-line.md", "exec"), {})
            continue
        for line in text.splitlines():
            program, *words = shlex.split(line)
            assert program == "esker"
            assert main(words) == 0, (line, capfd.readouterr().err)
            commands += 1
    assert commands >= 9
    assert len((tmp_path / "dear.csv").read_text().splitlines()) == 5001


@pytest.mark.parametrize("page", ["persistence.md"])
def test_python_examples(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(DOCS / page), module_relative=False)
    assert (failed, tried > 0) == (0, True)


def test_every_page_is_in_the_index():
    pages = {path.name for path in DOCS.glob("*.md")} - {"index.md"}
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", (DOCS / "index.md").read_text()))
    assert listed == pages
