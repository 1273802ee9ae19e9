"""What a gate lets pass: thresholds as one checked value, out of a TOML file and flags."""

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from evals.results import Result, Unit
from shards.errors import UsageError, told_as

DEFAULT_DROP: Final[Mapping[Unit, float]] = {"percent": 1.0, "fraction": 0.01}
RELATIVE_DROP_OF_RAW: Final = 0.01


@dataclass(frozen=True)
class GatePolicy:
    """How much worse a candidate may be, and how sure the gate must be.

    Args:
        max_drop: Allowed drop in the metric's own unit, >= 0. None: one percentage point for percentages, 0.01 for
            fractions, 1% of the baseline's value for raw metrics.
        max_drop_by_benchmark: The same for single benchmarks, by name; goes before `max_drop`.
        level: Level of the interval of the difference, in (0.5, 1).
        min_items: With fewer items the gate decides nothing.
        max_unscored_rise: By how much the share of items without a score may rise before a pass is withheld, 0..1.
        resamples: Bootstrap resamples and exchanges for the p value, at least 100.
        seed: Of the resampling.
    """

    max_drop: float | None = None
    max_drop_by_benchmark: Mapping[str, float] = field(default_factory=dict)
    level: float = 0.95
    min_items: int = 100
    max_unscored_rise: float = 0.01
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        _refuse(_faults(asdict(self)), "gate policy")

    def allowed_drop(self, benchmark: str, baseline: Result) -> float:
        """The allowed drop on one benchmark, >= 0, in the unit of its metric."""
        if benchmark in self.max_drop_by_benchmark:
            return self.max_drop_by_benchmark[benchmark]
        if self.max_drop is not None:
            return self.max_drop
        return DEFAULT_DROP.get(baseline.unit, RELATIVE_DROP_OF_RAW * abs(baseline.value or 0.0))


def load_policy(path: Path | None, *, max_drop: float | None = None) -> GatePolicy:
    """The policy of a TOML file; the flag goes before the file's `max_drop`, both before the defaults.

    Raises:
        UsageError: Names every unknown key and every value out of its range at once.
    """
    place = str(path) if path else "gate policy"
    settings = _read_toml(path) if path else {}
    if max_drop is not None:
        settings["max_drop"] = max_drop
    known = {spec.name for spec in fields(GatePolicy)}
    unknown = sorted(set(settings) - known)
    faults = [f"unknown key {name!r} (known: {', '.join(sorted(known))})" for name in unknown]
    _refuse(faults + _faults(settings), place)
    return GatePolicy(**settings)  # type: ignore[arg-type]  # `_faults` has checked each type


def _read_toml(path: Path) -> dict[str, object]:
    faults = (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError)
    with told_as(faults, UsageError, str(path), expected="a gate policy in TOML"):
        return tomllib.loads(path.read_text(encoding="utf-8"))


def _refuse(faults: list[str], place: str) -> None:
    if faults:
        raise UsageError(place, expected="settings in their range", found="; ".join(faults))


_Drop = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
_RULES: Final[Mapping[str, tuple[str, Any]]] = {
    "max_drop": ("a number >= 0 in the metric's unit", _Drop | None),
    "max_drop_by_benchmark": ("a table of benchmark = number >= 0", dict[str, _Drop]),
    "level": ("a share from 0.5 to 0.9999", Annotated[float, Meta(ge=0.5, le=0.9999)]),
    "min_items": ("a whole number >= 1", Annotated[int, Meta(ge=1)]),
    "max_unscored_rise": ("a share from 0 to 1", Annotated[float, Meta(ge=0, le=1)]),
    "resamples": ("a whole number >= 100", Annotated[int, Meta(ge=100)]),
    "seed": ("a whole number >= 0", Annotated[int, Meta(ge=0)]),
}
"""What a setting must be, in words and as a type."""


def _faults(settings: Mapping[str, object]) -> list[str]:
    checked = [(name, settings[name], *rule) for name, rule in _RULES.items() if name in settings]
    return [f"{name} = {value!r}, expected {words}" for name, value, words, kind in checked if not _is_a(value, kind)]


def _is_a(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
