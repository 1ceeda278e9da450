"""Figures; the only place that knows matplotlib.

Every figure is a function that takes plain numbers and returns a `Figure`, which `save` writes.
What it draws stands in a `draw_…` function beside it, which takes the axes to draw on; so the
dashboard shows the very same pictures.
"""

from src.report.plots.answers import confusion, prevalence, scores, verdicts
from src.report.plots.failures import groups, heat_table, projection
from src.report.plots.faithfulness import randomisation, removal
from src.report.plots.overview import dashboard
from src.report.plots.painting import Heat, blend, overlay
from src.report.plots.ranking import precision_recall, roc, thresholds
from src.report.plots.style import save
from src.report.plots.timeline import Line, timeline
from src.report.plots.training import training_curves
from src.report.plots.uncertainty import entropy, reliability, risk_coverage

__all__ = [
    "Heat",
    "Line",
    "blend",
    "confusion",
    "dashboard",
    "entropy",
    "groups",
    "heat_table",
    "overlay",
    "precision_recall",
    "prevalence",
    "projection",
    "randomisation",
    "reliability",
    "removal",
    "risk_coverage",
    "roc",
    "save",
    "scores",
    "thresholds",
    "timeline",
    "training_curves",
    "verdicts",
]
