"""What a detector must reach: `auc=0.95`, `false_fake=0.02`."""

import math
from dataclasses import dataclass, fields
from typing import Any

from src import InputError
from src.report.metrics import Metrics
from src.report.verdicts import Verdicts

# Everything else is the better the higher it is.
LOWER_IS_BETTER = frozenset(
    (
        *("equal_error_rate", "brier", "log_loss", "ece_width", "ece_mass"),
        *("false_fake", "false_real", "inconclusive"),
    )
)
_NO_GOAL = {"images", "real", "fake", "confusion", "youden_threshold", "table"}
METRICS = tuple(f.name for f in fields(Metrics) if f.name not in _NO_GOAL)
VERDICTS = tuple(f.name for f in fields(Verdicts) if f.name not in _NO_GOAL)


@dataclass(frozen=True)
class Requirement:
    """A number and what it must be: at least, or at most where lower is better."""

    name: str  # out of `METRICS` and `VERDICTS`
    bound: float  # the least or most that is accepted

    def failure(self, measured: dict[str, Any]) -> str | None:
        """Return what is wrong with `metrics.json`, or None where it is met."""
        found = (measured["verdicts"] if self.name in VERDICTS else measured)[self.name]
        value = math.nan if found is None else found["value"]
        lower = self.name in LOWER_IS_BETTER
        if value <= self.bound if lower else value >= self.bound:
            return None
        wanted = "at most" if lower else "at least"
        number = "not known, because there is no image for it" if found is None else f"{value:.4f}"
        return f"{self.name} is {number}, required is {wanted} {self.bound:g}"


def parse(text: str) -> Requirement:
    """Read a requirement such as `auc=0.95`.

    Raises:
        InputError: no such metric, no bound, or one that no share can have.
    """
    name, _, bound = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in (*METRICS, *VERDICTS):
        raise InputError(
            f"--require {text}: expected NAME=NUMBER with one of {', '.join((*METRICS, *VERDICTS))}"
        )
    try:
        value = float(bound)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"--require {text}: expected a number after {name}=, got {bound!r}")
    if name != "log_loss" and not 0 <= value <= 1:
        raise InputError(f"--require {text}: expected a share from 0 to 1, such as 0.02 for 2 %")
    return Requirement(name, value)
