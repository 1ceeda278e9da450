"""Figures; the only place that knows matplotlib.

Every figure is a function that takes plain numbers and returns a `Figure`, which `save` writes.
Most are a `Plot`: called they draw a figure of their own, and `roc.on(axes, …)` draws the very
same picture beside others, as the dashboard does.
"""

# ruff: noqa: F401 (what is imported here is reached as `plots.roc`)
from src.report.plots.answers import confusion, prevalence, scores, verdicts
from src.report.plots.curves import (
    calibration,
    entropy,
    precision_recall,
    reliability,
    risk_coverage,
    roc,
    thresholds,
)
from src.report.plots.failures import groups, heat_table, projection
from src.report.plots.over_time import Line, curve, timeline, training_curves
from src.report.plots.overview import dashboard
from src.report.plots.painting import Heat, blend, overlay
from src.report.plots.style import save
