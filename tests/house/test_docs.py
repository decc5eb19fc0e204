"""What the documents promise is there: links, modules, names, every outcome; and the files that they show are good."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from pumpproxy.config.load import load_file
from pumpproxy.policy.outcome import Outcome, Phase, termination
from pumpproxy.policy.persistence import Answered, Asked

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OF_THE_CODE = ("architecture.md", "life-of-a-connection.md")
"""Pages in which a name of two capitals is a class of ours."""
PAGES = sorted((ROOT / "docs").glob("*.md"))
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
ANCHOR = re.compile(r"\]\((?!https?://)([^)#\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(
    r"(?:(?:pumpproxy/)?(?:wire|policy|flow|config|stats|checks|handover)|tests|demo|benchmarks|docs|etc)(?:/[\w.-]+)*"
)
MODULE = re.compile(r"[a-z_]+\.py")
MEMBER = re.compile(r"([A-Z]\w+)\.([a-z]\w+)")
CLASS = re.compile(r"(?:[A-Z][a-z]+){2,}")
FUNCTION = re.compile(r"([a-z_]\w*)\(\)")
INI = re.compile(r"^```ini\n(.*?)^```", re.MULTILINE | re.DOTALL)
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=", "pumpproxy"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file of the checkout."""
    missing = [link for link in LINK.findall(document.read_text("utf-8")) if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.system
def test_the_file_in_readme_is_good(tmp_path: Path) -> None:
    """Who copies README's file gets no problem from --check."""
    (text,) = INI.findall((ROOT / "README.md").read_text("utf-8"))
    path = tmp_path / "proxy.ini"
    path.write_text(text, "utf-8")
    checked = subprocess.run(
        [*TWISTD, "-c", str(path), "--check"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert len(checked.stdout.splitlines()) == 1


def slug(heading: str) -> str:
    """What a heading is called in a link, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def named(document: Path, form: re.Pattern[str]) -> list[re.Match[str]]:
    """All pieces of code in running text, of this form."""
    return [match for piece in CODE.findall(document.read_text("utf-8")) if (match := form.fullmatch(piece))]


def members_of(definition: ast.ClassDef) -> set[str]:
    """Methods, class attributes and what is assigned to self."""
    found = set()
    for node in ast.walk(definition):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Attribute(value=ast.Name(id="self"), attr=name):
                found.add(name)
            case _:
                pass
    return found


@cache
def source() -> tuple[dict[str, set[str]], set[str]]:
    """The classes of the package with their members, those of their bases too, and its functions."""
    members: dict[str, set[str]] = defaultdict(set)
    bases: dict[str, list[str]] = {}
    functions = set()
    for path in (ROOT / "pumpproxy").rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                members[node.name] |= members_of(node)
                bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
            elif isinstance(node, ast.FunctionDef):
                functions.add(node.name)
    for name, parents in bases.items():
        for parent in parents:
            members[name] |= members.get(parent, set())
    return dict(members), functions


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_anchors_are_headings(document: Path) -> None:
    """A link to a part of a page names a heading of that page."""
    missing = []
    for target, anchor in ANCHOR.findall(document.read_text("utf-8")):
        page = document.parent / target if target else document
        if anchor not in map(slug, HEADING.findall(page.read_text("utf-8"))):
            missing.append(f"{target}#{anchor}")
    assert missing == []


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_modules_are_where_the_pages_say(document: Path) -> None:
    """`policy/session.py`, `flow/front`, `tests/sim`: each is a file, a module or a folder of the checkout."""
    missing = []
    for place in (match[0] for match in named(document, PLACE)):
        candidates = [top / (place + end) for top in (ROOT, ROOT / "pumpproxy") for end in ("", ".py")]
        if not any(candidate.exists() for candidate in candidates):
            missing.append(place)
    known = {path.name for path in (ROOT / "pumpproxy").rglob("*.py")}
    missing += [match[0] for match in named(document, MODULE) if match[0] not in known]
    assert missing == []


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_names_are_those_of_the_code(document: Path) -> None:
    """`Session.received` and `failure_of()` are a member of a class and a function of the package."""
    members, functions = source()
    unknown = [match[0] for match in named(document, MEMBER) if match[2] not in members.get(match[1], set())]
    unknown += [match[0] for match in named(document, FUNCTION) if match[1] not in functions]
    if document.name in OF_THE_CODE:
        unknown += [match[0] for match in named(document, CLASS) if match[0] not in members]
    assert unknown == []


def test_the_pages_name_members() -> None:
    """The test above looks at something: the page that follows a connection names what it passes."""
    page = ROOT / "docs" / "life-of-a-connection.md"
    assert {"Session.received", "Listener.doRead"} <= {match[0] for match in named(page, MEMBER)}


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.word)
def test_each_outcome_is_explained(outcome: Outcome) -> None:
    """An operator finds the word of the log in the page, with termination states that it can have."""
    page = (ROOT / "docs" / "outcomes.md").read_text("utf-8")
    row = re.search(rf"^\| `{outcome.word}` \| ((?:`..`(?:, )?)+) \| .+ \| .+ \|$", page, re.MULTILINE)
    assert row is not None
    assert set(CODE.findall(row[1])) <= {termination(outcome, phase) for phase in Phase}
    assert f"| `{outcome.letter}` |" in page


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.name)
def test_each_phase_is_explained(phase: Phase) -> None:
    """The second letter too, in its own table."""
    page = (ROOT / "docs" / "outcomes.md").read_text("utf-8")
    _, _, second = page.partition("The second says when:")
    assert f"| `{phase.value}` |" in second


@pytest.mark.parametrize("word", ["bad-request", "client-left", "queue-full", "queue-timeout", "shutdown", "internal"])
def test_what_may_happen_to_who_waits_is_explained(word: str) -> None:
    """Whatever ends a wait in a queue has that state in its row: a bad body and a defect may be met there too."""
    page = (ROOT / "docs" / "outcomes.md").read_text("utf-8")
    row = page.partition(f"\n| `{word}` | ")[2].partition(" | ")[0]
    assert any(state.endswith(Phase.QUEUE.value) for state in CODE.findall(row))


@pytest.mark.parametrize(("start", "end", "members"), [("third", "The fourth", Asked), ("fourth", "\n## ", Answered)])
def test_what_is_said_of_cookies_is_explained(start: str, end: str, members: type[Asked | Answered]) -> None:
    """The third and the fourth letter, each with its word in its own table."""
    page = (ROOT / "docs" / "outcomes.md").read_text("utf-8")
    table = page.partition(f"The {start} says")[2].partition(end)[0]
    assert re.findall(r"^\| `(.)` \| `(\w+)` \|", table, re.MULTILINE) == [(one.letter, one.word) for one in members]


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_the_files_in_the_pages_are_good(document: Path, tmp_path: Path) -> None:
    """Whoever copies a file that a page shows whole gets neither an error nor a warning."""
    for number, text in enumerate(INI.findall(document.read_text("utf-8"))):
        path = tmp_path / f"{number}.ini"
        path.write_text(text, "utf-8")
        assert load_file(str(path)).warnings == ()
