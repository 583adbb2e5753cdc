"""The pages of the library are true: their examples run, their commands print what they say, and no module is left out."""

from __future__ import annotations

import re
import shlex
import tomllib
import warnings
from pathlib import Path

import pytest

from impact.commands import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs/impact").glob("*.md"))
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S), 1
    )
]
# A command and what it prints: a block that begins with “$ impact …”.
SHOWN = re.findall(
    r"^```text\n\$ impact (.*?)\n(.*?)^```",
    (ROOT / "docs/impact/commands.md").read_text("utf-8"),
    re.M | re.S,
)


@pytest.mark.parametrize("block", BLOCKS)
def test_example_runs_as_it_stands(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(block, "example", "exec"), {"__name__": "example"})


def test_commands_print_what_their_page_shows(tmp_path, monkeypatch, capsys):
    """In the order of the page, in one folder, with the files that the page gives and makes."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/impact/commands.md").read_text("utf-8")
    for name, text in re.findall(r"^`([\w.-]+)`:\n\n```\w+\n(.*?)^```", page, re.M | re.S):
        Path(name).write_text(text, encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S):
        exec(block, {})
    for words, output in SHOWN:
        main(shlex.split(words))
        printed = capsys.readouterr().out
        if words.startswith(("simulate", "run")):  # how many are drawn is the simulator's affair
            printed, output = _shape(printed), _shape(output)
        for line in output.rstrip("\n").split("\n"):
            assert line.partition("…")[0].rstrip() in printed, f"impact {words}: {line}"  # “…”: and so on


def _shape(text: str) -> str:
    """Words and layout without numbers and the width of columns."""
    return re.sub(r" +", " ", re.sub(r"-?\d[\d.,]*(e-?\d+)?", "0", text))


def test_every_command_is_shown():
    from impact.commands.line import COMMANDS

    text = (ROOT / "docs/impact/commands.md").read_text("utf-8")
    assert {name for name in COMMANDS if not re.search(rf"^\$ impact {name} ", text, re.M)} == set()


def test_every_module_of_the_contract_has_a_page_or_is_named_in_one():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["id"] == "impact"]
    modules = {name for line in layers for name in re.findall(r"\w+", line)} - {"__main__"}
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    own = {page.stem for page in PAGES}
    assert {
        m for m in modules if m not in own and not re.search(rf"`impact\.{m}\b|impact/{m}\b", text)
    } == set()


def test_index_links_every_page():
    text = (ROOT / "docs/impact/README.md").read_text("utf-8")
    linked = set(re.findall(r"\]\((\w+\.md)\)", text))
    assert {page.name for page in PAGES} - {"README.md"} == linked
