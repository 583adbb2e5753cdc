"""Which test holds which row of the requirements, as pages under `docs/requirements/`.

A test names its rows by `@pytest.mark.row("CN-01")`. The markers are read from the source and not from a collection:
that takes a second, needs no database, and finds the tests too that a machine skips. `make rows` writes the pages.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeGuard

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "docs/requirements/rows.tsv"
HEADINGS = ("group", "id", "priority", "title")
# What a page says below its count.
NOTES = {
    "Security": "The numbers are those of OWASP ASVS 5.0.0 (CC BY-SA 4.0); the titles are our own words."
}


class BadRows(Exception):
    """The list or a marker cannot be true; the message says where."""


class Row(NamedTuple):
    """One line of the list: the group is the title of its page."""

    group: str
    id: str
    priority: str
    title: str


@dataclass(frozen=True, order=True)
class Holder:
    """A test by its file below `tests/` and its name, with its class if it has one."""

    path: str
    name: str


def listed(source: Path = LIST) -> list[Row]:
    """The rows in the order of the file.

    Raises
    ------
    BadRows
        A line lacks a group, an ID or a title, or brings an ID for the second time.
    """
    head, *lines = source.read_text().splitlines()
    if tuple(head.split("\t")) != HEADINGS:
        raise BadRows(f"{source.name} does not begin with the headings {', '.join(HEADINGS)}.")
    rows = []
    for number, line in enumerate(lines, start=2):
        cells = line.split("\t")
        if len(cells) != len(HEADINGS) or not (cells[0] and cells[1] and cells[3]):
            raise BadRows(f"{source.name}, line {number}: needs group, ID, priority (or nothing) and title.")
        rows.append(Row(*cells))
    twice = [id for id, n in Counter(row.id for row in rows).items() if n > 1]
    if twice:
        raise BadRows(f"{source.name} lists twice: {', '.join(twice)}.")
    return rows


def holders(tests: Path = ROOT / "tests") -> dict[str, list[Holder]]:
    """The tests of each row that a marker names, in the order of their files and names.

    Raises
    ------
    BadRows
        A marker stands where no test takes it up, or gives its IDs otherwise than as plain strings.
    """
    found: defaultdict[str, set[Holder]] = defaultdict(set)
    for file in sorted(tests.rglob("*.py")):
        path = file.relative_to(tests).as_posix()
        tree = ast.parse(file.read_text())
        taken_up = set()
        for name, marks in _marked(tree) if file.name.startswith("test_") else ():
            for mark in marks:
                taken_up.add(mark.func)
                for id in _ids(mark, path):
                    found[id].add(Holder(path, name))
        for node in ast.walk(tree):
            if _is_marker(node) and node not in taken_up:
                raise BadRows(f"{path}, line {node.lineno}: names a row where no test takes it up.")
    return {id: sorted(of_row) for id, of_row in found.items()}


def pages(rows: list[Row], held: dict[str, list[Holder]]) -> dict[str, str]:
    """The text of each page by its file name: one for each group, and the table of groups.

    Raises
    ------
    BadRows
        A marker names a row that is not listed.
    """
    unknown = sorted(held.keys() - {row.id for row in rows})
    if unknown:
        where = "; ".join(f"{id} in {held[id][0].path}" for id in unknown)
        raise BadRows(f"Rows that are not listed: {where}.")
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    made = {_file_name(group): _page(group, of_group, held) for group, of_group in groups.items()}
    return {"README.md": _contents(groups, held), **made}


def stale(folder: Path = LIST.parent) -> list[str]:
    """The pages that are not what list and markers give, or that belong to no group any more."""
    wanted = pages(listed(), holders())
    there = {file.name: file.read_text() for file in folder.glob("*.md")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def _marked(tree: ast.Module) -> Iterator[tuple[str, list[ast.Call]]]:
    """Every test with the markers of its own, of its class and of its module."""
    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    of_module = _marks(values["pytestmark"]) if "pytestmark" in values else []
    for name, decorators in _tests(tree.body):
        marks = [*of_module]
        for decorator in decorators:
            marks += _marks(decorator)
            # `pytest.param(…, marks=…)` may stand in a list that has a name.
            named = {node.id for node in ast.walk(decorator) if isinstance(node, ast.Name)}
            for value in named & values.keys():
                marks += _marks(values[value])
        yield name, marks


def _tests(body: Iterable[ast.stmt]) -> Iterator[tuple[str, list[ast.expr]]]:
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield node.name, node.decorator_list
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            own = [*node.decorator_list]
            own += [
                part.value
                for part in node.body
                if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "pytestmark"
            ]
            for name, decorators in _tests(node.body):
                yield f"{node.name}.{name}", [*own, *decorators]


def _is_marker(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and ast.unparse(node) in ("pytest.mark.row", "mark.row")


def _marks(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_marker(node.func)]


def _ids(mark: ast.Call, path: str) -> list[str]:
    ids = [arg.value for arg in mark.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if not ids or len(ids) != len(mark.args) or mark.keywords:
        raise BadRows(f'{path}, line {mark.lineno}: write the rows as strings, mark.row("CN-01", "CN-02").')
    return ids


def _file_name(group: str) -> str:
    return re.sub(r"\W+", "-", group.lower()).strip("-") + ".md"


def _counted(rows: list[Row], held: dict[str, list[Holder]]) -> str:
    return f"{sum(row.id in held for row in rows)} of {len(rows)}"


def _contents(groups: dict[str, list[Row]], held: dict[str, list[Holder]]) -> str:
    lines = [
        "# Rows and the tests that hold them",
        "",
        "Made by `make rows` from `rows.tsv` and the markers of the tests; change those and not these pages. A row is",
        "held where its tests prove what it asks, each perhaps a part. A fault found since has a row of its own, which is",
        "open until a test holds it. Priorities: M must, S should, C could; L1 to L3 are levels of the standard for web",
        "security.",
        "",
        "| Group | Held by a test |",
        "| --- | --- |",
    ]
    for group, rows in groups.items():
        lines.append(f"| [{group}]({_file_name(group)}) | {_counted(rows, held)} |")
    lines.append(f"| All | {_counted([row for rows in groups.values() for row in rows], held)} |")
    return "\n".join(lines) + "\n"


def _page(group: str, rows: list[Row], held: dict[str, list[Holder]]) -> str:
    lines = [f"# {group}", "", f"{_counted(rows, held)} rows are held by a test. [All groups](README.md)", ""]
    if group in NOTES:
        lines += [NOTES[group], ""]
    with_test = [row for row in rows if row.id in held]
    without = [row for row in rows if row.id not in held]
    if with_test:
        lines += ["## Held", ""]
        lines += _table(with_test, held)
    if without:
        lines += ["## Held by no test", ""]
        lines += _table(without, {})
    return "\n".join(lines[:-1]) + "\n"


def _table(rows: list[Row], held: dict[str, list[Holder]]) -> list[str]:
    """The rows of a page, without the columns in which nothing would stand."""
    heads = ["Row"] + ["Priority"] * any(row.priority for row in rows) + ["What"] + ["Tests"] * bool(held)
    lines = [heads, ["---"] * len(heads)]
    for row in rows:
        tests = _links(held.get(row.id, []))
        cells = {"Row": row.id, "Priority": row.priority, "What": row.title, "Tests": tests}
        lines.append([cells[head] for head in heads])
    return [f"| {' | '.join(cells)} |" for cells in lines] + [""]


def _links(of_row: list[Holder]) -> str:
    # Without lines: they would make every page stale whenever a test further up is edited.
    return "<br>".join(
        f"[{path}](../../tests/{path}) {', '.join(f'`{holder.name}`' for holder in of_file)}"
        for path, of_file in groupby(of_row, key=lambda holder: holder.path)
    )


def main() -> None:
    made = pages(listed(), holders())
    for name, text in made.items():
        (LIST.parent / name).write_text(text)
    for file in LIST.parent.glob("*.md"):
        if file.name not in made:
            file.unlink()


if __name__ == "__main__":
    main()
