"""The layout of the code: folders that can be overseen, no circles, and documents that name files that exist.

The order of the rooms is checked by the import linter (`make lint`).
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("cluster", "jobs", "styles", "workers")
MOST_FILES = 20  # of a folder, its `__init__.py` aside
MOST_LINES = 420
MOST_WORDS = 700
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
MENTIONED = re.compile(r"\b((?:cluster|jobs|styles|workers|tests)/[\w/]+\.py)\b")


def sources() -> list[Path]:
    shared = (ROOT / "giornata").glob("*.py")  # what all four folders may import
    return sorted([*shared, *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))])


def module_of(path: Path) -> str:
    return "giornata." + ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("giornata.")


def imports_of(path: Path, modules: set[str]) -> set[str]:
    """The modules of ours that a file imports when it is loaded: not in functions, not for types alone."""
    found = set[str]()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= ({node.module} | names) & modules
    return found


def test_no_folder_holds_more_files_than_can_be_overseen() -> None:
    counts = Counter(path.parent for path in sources() if path.name != "__init__.py")
    assert {str(folder): count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_no_file_is_longer_than_a_sitting() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {str(path): lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_package_says_what_it_is() -> None:
    for path in sources():
        if path.name == "__init__.py":
            words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            assert len(words) > 10, path
            assert "TODO" not in words, path


def test_no_module_is_part_of_a_circle() -> None:
    paths = {module_of(path): path for path in sources()}
    left = {module: imports_of(path, set(paths)) for module, path in paths.items()}
    while True:
        free = [module for module, imports in left.items() if not imports & left.keys()]
        if not free:
            break
        for module in free:
            del left[module]
    assert sorted(left) == []


@pytest.mark.parametrize("where", ["README.md", "CONTRIBUTING.md", "docs"])
def test_documents_name_files_that_exist(where: str) -> None:
    listed = sorted((ROOT / where).rglob("*.md")) if (ROOT / where).is_dir() else [ROOT / where]
    missing = [
        f"{document.name}: {name}"
        for document in listed
        for name in MENTIONED.findall(document.read_text(encoding="utf-8"))
        if not (ROOT / name).is_file()
    ]
    assert missing == []


def test_the_front_page_is_short_and_its_links_lead_somewhere() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= MOST_WORDS
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    dead = [
        f"{page.name}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not target.startswith(("http:", "https:")) and not (page.parent / target).exists()
    ]
    assert dead == []


def test_the_reference_is_what_models_and_commands_say(tmp_path: Path) -> None:
    script = ROOT / "infra" / "docs" / "reference.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], cwd=ROOT, check=True, timeout=120)
    for name in ("spec.md", "cli.md", "exit-codes.md", "http.md"):
        published = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert published == (tmp_path / name).read_text(encoding="utf-8"), f"{name} is stale: make docs"
