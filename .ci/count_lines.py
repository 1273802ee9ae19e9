"""Count the lines of the packages, tests and documentation, and compare them with the limits of the design.

A line of code is one that holds code: blank lines, comments and docstrings are shown beside it and have no limit, so
that nobody saves on them.
"""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGES = ("anymodal", "reports", "curation", "evals", "model_adapter", "shards")
MAX_PACKAGE_LINES, MAX_TEST_SHARE, MAX_DOC_LINES = 18_000, 1.1, 2_000
ABOUT = 1.02  # the design's figures are round


def tracked(*patterns: str) -> list[str]:
    """Texts of the tracked files that match."""
    listed = subprocess.run(["git", "ls-files", "--", *patterns], check=True, capture_output=True, text=True)
    return [Path(name).read_text(encoding="utf-8") for name in listed.stdout.splitlines()]


def code_lines(text: str) -> int:
    """Lines of a module that hold code."""
    docstrings = set()
    for node in ast.walk(ast.parse(text)):
        has_body = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if has_body and ast.get_docstring(node, clean=False) is not None:
            docstrings.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(bool(line.strip()) and line.strip()[0] != "#" and n not in docstrings for n, line in lines)


def main() -> int:
    package, test = tracked(*(f"{name}/**.py" for name in PACKAGES)), tracked("tests/**.py")
    code, tests = (sum(map(code_lines, texts)) for texts in (package, test))
    docs = sum(len(text.splitlines()) for text in tracked("*.md", "docs/**.md"))
    limits = (
        ("package code", code, MAX_PACKAGE_LINES),
        ("tests", tests, int(code * MAX_TEST_SHARE)),
        ("docs", docs, MAX_DOC_LINES),
    )
    for name, lines, limit in limits:
        sys.stdout.write(f"{name}: {lines} lines, about {limit} at most\n")
    whole = (sum(len(text.splitlines()) for text in texts) for texts in (package, test))
    sys.stdout.write("with blank lines, comments and docstrings: {} and {}\n".format(*whole))
    return int(any(lines > ABOUT * limit for _, lines, limit in limits))


if __name__ == "__main__":
    sys.exit(main())
