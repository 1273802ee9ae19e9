"""Print what each timing noted: rates, the peer's seconds, the ratio, peak memory."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line a timing, after pytest-benchmark's table."""
    session = getattr(config, "_benchmarksession", None)
    for one in getattr(session, "benchmarks", ()):
        shown = (
            (name, f"{value:.3g}" if isinstance(value, float) else value) for name, value in one.extra_info.items()
        )
        notes = ", ".join(f"{name} {value}" for name, value in shown)
        terminalreporter.write_line(f"{one.name}: {one.stats.min:.4f} s; {notes}")
