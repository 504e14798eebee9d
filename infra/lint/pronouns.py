"""Lists local names that are pronouns or participles without a noun: `python infra/lint/pronouns.py FOLDER…`.

A reader of `found` or `one` must scan back to learn of what; `entry` or `message` says it. Exit code 1 when
there is any.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PRONOUNS = """
found one told made words wanted known said kept here there ours mine some few got asked taken others
these those them it such
"""
DISALLOWED = frozenset(PRONOUNS.split())


def local_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of everything that is assigned, parameters included; fields of a class are no locals."""
    fields = {
        statement.target
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in fields:
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def offenders(path: Path) -> list[tuple[int, str]]:
    """The disallowed names of one file, by line."""
    names = local_names(ast.parse(path.read_text()))
    return sorted((line, name) for line, name in names if name in DISALLOWED)


def main(folders: list[str]) -> int:
    """Print the offenders below these folders or files; returns the exit code."""
    count = 0
    for folder in folders:
        root = Path(folder)
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            for line, name in offenders(path):
                count += 1
                sys.stdout.write(f"{path}:{line}: {name}: use the noun\n")
    return 1 if count else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
