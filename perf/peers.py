"""Our work timed by pytest-benchmark, the peer's once beside it, and what both took told at the end of the run.

Seconds of the processor, all threads of this process together, stand beside those of the clock: on a busy machine they
are what can be compared.
"""

import resource
import time
from collections.abc import Callable
from typing import TypeVar

from pytest_benchmark.fixture import BenchmarkFixture

Value = TypeVar("Value")
SCALES = (1 / 16, 1 / 4, 1.0)
"""Sizes at which linear growth shows; 1 is the official benchmark's."""


def beside(
    benchmark: BenchmarkFixture,
    ours: Callable[[], Value],
    *,
    n: int,
    peer: Callable[[], object] | None = None,
    peer_s: float | None = None,
    rounds: int = 3,
) -> Value:
    """Time `ours` over `n` items; what it returns comes back.

    Args:
        benchmark: pytest-benchmark's fixture.
        ours: The work.
        n: Items in it, for the rate.
        peer: The same work by the peer, timed once.
        peer_s: The peer's seconds where it cannot be installed, as published.
        rounds: How often our work is timed; the fastest counts.
    """
    cpu_s: list[float] = []

    def counted() -> Value:
        start_s = time.process_time()
        value = ours()
        cpu_s.append(time.process_time() - start_s)
        return value

    value: Value = benchmark.pedantic(counted, rounds=rounds)
    fastest_s = benchmark.stats.stats.min
    benchmark.extra_info["items_per_s"] = round(n / fastest_s)
    benchmark.extra_info["cpu_s"] = min(cpu_s)
    if peer is not None:
        start, start_cpu_s = time.perf_counter(), time.process_time()
        peer()
        peer_s = time.perf_counter() - start
        benchmark.extra_info["peer_cpu_s"] = time.process_time() - start_cpu_s
    if peer_s is not None:
        benchmark.extra_info["peer_s"] = round(peer_s, 2)
        benchmark.extra_info["times_faster"] = round(peer_s / fastest_s, 1)
    benchmark.extra_info["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return value
