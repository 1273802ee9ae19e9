"""Units of work: chains of steps, builds that survive being killed, and books that balance."""

from shards.work.audit import Audit, audit
from shards.work.build import build
from shards.work.chain import Drop, Step
from shards.work.job import Pipeline
from shards.work.ledger import LedgerRow, Outcome, read_ledger
from shards.work.recipe import Recipe, read_recipe

__all__ = [
    "Audit",
    "Drop",
    "LedgerRow",
    "Outcome",
    "Pipeline",
    "Recipe",
    "Step",
    "audit",
    "build",
    "read_ledger",
    "read_recipe",
]
