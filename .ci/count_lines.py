"""Count the lines of the packages, tests and documentation, and compare them with the limits of the design."""

import subprocess
import sys
from pathlib import Path

PACKAGES = ("anymodal", "reports", "curation", "evals", "model_adapter", "shards")
MAX_PACKAGE_LINES, MAX_TEST_SHARE, MAX_DOC_LINES = 18_000, 1.1, 2_000


def count(patterns: list[str]) -> int:
    """Lines of the tracked files that match."""
    listed = subprocess.run(["git", "ls-files", "--", *patterns], check=True, capture_output=True, text=True)
    return sum(len(Path(name).read_text(encoding="utf-8").splitlines()) for name in listed.stdout.splitlines())


def main() -> int:
    code = count([f"{package}/**.py" for package in PACKAGES])
    tests = count(["tests/**.py"])
    docs = count(["*.md", "docs/**.md"])
    limits = (
        ("package code", code, MAX_PACKAGE_LINES),
        ("tests", tests, int(code * MAX_TEST_SHARE)),
        ("docs", docs, MAX_DOC_LINES),
    )
    for name, lines, limit in limits:
        sys.stdout.write(f"{name}: {lines} lines, at most {limit}\n")
    return int(any(lines > limit for _, lines, limit in limits))


if __name__ == "__main__":
    sys.exit(main())
