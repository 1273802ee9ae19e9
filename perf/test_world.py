"""Writing the embedded world: 300 scenes with pictures, clips and all annotation files.

Run with `pytest perf/test_world.py -s`; PERF_SCALE=10 writes ten times as many scenes.
"""

import os
import resource
import time
from pathlib import Path

from curation.sources.world import write_world

SCENES = int(300 * float(os.environ.get("PERF_SCALE", "1")))


def test_world_of_three_hundred_scenes(tmp_path: Path) -> None:
    start, start_cpu = time.perf_counter(), time.process_time()
    summary = write_world(tmp_path / "world", scenes=SCENES, seed=1, progress=lambda finished: None)
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\nworld of {SCENES:,} scenes: {wall_s:.1f} s, {cpu_s:.1f} s of one core, peak {peak_mib:,} MiB")
    assert sum(summary.scenes.values()) == SCENES
