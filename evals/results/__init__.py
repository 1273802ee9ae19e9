"""Results and run folders: the part of `evals` that reports may see."""

from evals.results.folders import (
    Domain,
    Exposure,
    GenerationRow,
    Protocol,
    Run,
    RunFolder,
    find_runs,
    item_set_hash,
    items_table,
    read_run,
    write_run,
)
from evals.results.schema import Bounds, Interval, ItemRow, Metric, Result, Scored, Unit, Unscored, encode_result
from model_adapter import MADE_NAME

__all__ = [
    "MADE_NAME",
    "Bounds",
    "Domain",
    "Exposure",
    "GenerationRow",
    "Interval",
    "ItemRow",
    "Metric",
    "Protocol",
    "Result",
    "Run",
    "RunFolder",
    "Scored",
    "Unit",
    "Unscored",
    "encode_result",
    "find_runs",
    "item_set_hash",
    "items_table",
    "read_run",
    "write_run",
]
