"""The library alone: it imports without Django, and its wheel works in an empty environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.impact.small import written

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("impact", "exports")
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__main__.py"
)
# Meta path first, so that an installed Django is not found either.
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"django", "rest_framework", "celery", "ipe"}:
            raise ImportError(name + " is blocked here")
sys.meta_path.insert(0, Blocked())
"""


def alone(code: str) -> subprocess.CompletedProcess[str]:
    """Run the code in a fresh interpreter in the root, where Django cannot be imported."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKED + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_imports_without_django():
    found = alone(f"import importlib\nfor name in {MODULES!r}: importlib.import_module(name)")
    assert found.returncode == 0, found.stderr


def test_import_of_the_package_brings_nothing_heavy():
    found = alone("import impact, sys\nprint(sorted({name.split('.')[0] for name in sys.modules}))")
    heavy = {"numpy", "pandas", "scipy", "statsmodels", "duckdb", "pyarrow", "matplotlib", "pydantic"}
    assert not heavy & set(re.findall(r"'(\w+)'", found.stdout))


def test_the_words_of_the_command_line_bring_nothing_heavy():
    """`impact --help` answers at once; a command pays for what it uses."""
    found = alone("import impact.commands, sys\nprint(sorted({name.split('.')[0] for name in sys.modules}))")
    heavy = {"numpy", "pandas", "scipy", "statsmodels", "duckdb", "pyarrow", "matplotlib", "pydantic"}
    assert found.returncode == 0, found.stderr
    assert not heavy & set(re.findall(r"'(\w+)'", found.stdout))


def test_dependencies_of_the_wheel_carry_their_reason_in_requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (ROOT / "requirements.in").read_text()
    for dependency in project["dependencies"]:
        assert re.search(rf"^{re.escape(dependency)}\s+#", reasons, re.MULTILINE), dependency


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left behind in the folder of the code."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("impact", "exports", "ipe", "consent"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    _run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(made), str(source)]
    )
    [found] = made.glob("*.whl")
    return found


def _run(words: list[str], *, cwd: Path | None = None) -> str:
    # Outside the root and without its path, so that only what was installed is found.
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DJANGO"))
    }
    found = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr + found.stdout
    return found.stdout


@pytest.mark.slow
@pytest.mark.real_clock  # pip compares certificates with the clock
def test_wheel_holds_the_two_libraries_and_the_shipped_plans_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"impact", "exports"}
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "impact/shipped").rglob("*.yaml")}
    assert shipped
    assert shipped <= set(names)


@pytest.mark.slow
@pytest.mark.real_clock  # as above
def test_wheel_works_in_an_empty_environment_without_django(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    _run([python, "-m", "pip", "install", "--quiet", str(wheel)])
    _run(
        [
            python,
            "-c",
            "import importlib.util as u; assert all(u.find_spec(n) is None for n in ('django', 'ipe'))",
        ],
        cwd=tmp_path,
    )
    plan = str(written(tmp_path / "study"))
    console = str(tmp_path / "venv" / "bin" / "impact")
    assert "Hash to register" in _run([python, "-m", "impact", "check", plan], cwd=tmp_path)
    assert "Hash to register" in _run([console, "check", "family-safeguarding-trial"], cwd=tmp_path)
    _run(
        [python, "-m", "impact", "simulate", plan, "--out", "data", "--seed", "1", "--children", "6000"],
        cwd=tmp_path,
    )
    words = ["--data", "data", "--out", "results.json", "--report", "report.docx"]
    _run([python, "-m", "impact", plan, *words], cwd=tmp_path)
    bundle = json.loads((tmp_path / "results.json").read_text())
    assert [analysis["failed"] for analysis in bundle["analyses"]] == [None, None]
    assert (
        bundle["software"]["impact"]
        == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    )
    assert (tmp_path / "report.docx").stat().st_size > 10_000
