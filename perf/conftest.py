"""Print what each timing noted: rates, the peer's seconds, the ratio, peak memory."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line a timing, after pytest-benchmark's table."""
    session = getattr(config, "_benchmarksession", None)
    for one in getattr(session, "benchmarks", ()):
        notes = ", ".join(f"{name} {value}" for name, value in one.extra_info.items())
        terminalreporter.write_line(f"{one.name}: {one.stats.min:.4f} s; {notes}")
