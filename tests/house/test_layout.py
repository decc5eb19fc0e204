"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pumpproxy import __version__

ROOT = Path(__file__).parents[2]
ROOMS = ("pumpproxy", "demo", "benchmarks")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
PROSE = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "etc").glob("*")])
MODULES = sorted(path.relative_to(ROOT / "pumpproxy") for path in (ROOT / "pumpproxy").rglob("*.py"))

LONGEST_FILE = 300
LONGEST_FUNCTION = 70
EMPTY_WORDS = re.compile(r"manager|handler|processor|engine|helper|utils|common", re.IGNORECASE)

TESTED_ELSEWHERE: dict[str, str] = {}
"""Modules with behaviour whose tests stand under another name, and which."""


def has_behaviour(path: Path) -> bool:
    """Whether a module does more than declare values, seams and exceptions: whether it has a named function."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    # A docstring alone is an interface's method.
    return any(not node.name.startswith("__") and len(node.body) > 1 for node in functions)


def test_the_house_is_seen() -> None:
    """The rules below look at the real files, and not at an empty list."""
    assert ROOT / "pumpproxy" / "model.py" in SOURCES
    assert ROOT / "README.md" in PROSE


@pytest.mark.parametrize("module", [str(module) for module in MODULES])
def test_each_module_has_its_tests(module: str) -> None:
    """The tests mirror the tree: pumpproxy/wire/cursor.py is tested in tests/wire/test_cursor.py."""
    path = Path(module)
    mirror = ROOT / "tests" / path.parent / f"test_{path.name}"
    assert mirror.is_file() or module in TESTED_ELSEWHERE or not has_behaviour(ROOT / "pumpproxy" / path)


def test_no_exception_outlives_its_reason() -> None:
    """TESTED_ELSEWHERE names modules that exist, and files that test them."""
    assert set(TESTED_ELSEWHERE) <= {str(module) for module in MODULES}
    assert [file for file in TESTED_ELSEWHERE.values() if not (ROOT / "tests" / file).is_file()] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    """No file over 300 lines, no function over 70."""
    text = path.read_text("utf-8")
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_words_of_the_field(path: Path) -> None:
    """No file, class or function of ours is called by a word that could mean anything."""
    assert not EMPTY_WORDS.search(path.stem)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            assert not EMPTY_WORDS.search(node.name), node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_for_later(path: Path) -> None:
    """What is there is finished: what is not built yet is refused by the schema, and not stubbed in the code."""
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", path.read_text("utf-8"))


@pytest.mark.parametrize("path", [*SOURCES, *PROSE], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_points_outside_the_checkout(path: Path) -> None:
    """Product and documentation stand on their own, wherever they are cloned."""
    assert not re.search(r"\.\./shared|/work/", path.read_text("utf-8"))


def test_twisted_is_not_hidden() -> None:
    """`twisted/` and `twisted/plugins/` stay portions of Twisted's own package: a __init__.py there would hide it."""
    assert [path.name for path in (ROOT / "twisted").rglob("*.py")] == ["pumpproxy_plugin.py"]


def test_the_plugin_cache_is_no_file_of_ours() -> None:
    """The dropin.cache of twistd is a pickle of one machine's paths: ignored, and never tracked."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a clone")
    tracked = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "dropin.cache" not in tracked
    ignored = [git, "check-ignore", "--quiet", "twisted/plugins/dropin.cache"]
    assert subprocess.run(ignored, cwd=ROOT, check=False).returncode == 0


def test_the_changelog_tells_of_this_version() -> None:
    """A version is not given out without its lines."""
    assert re.search(rf"^## \[?{re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_the_makefile_is_told_in_its_head() -> None:
    """Each target that a person may call is explained at the top of the Makefile."""
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    told = set(re.findall(r"make ([\w-]+)", text.split("\n\n", 1)[0]))
    assert set(phony[1].split()) == told
