"""The figures of an evaluation, by the name of their file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from src.detector.calibration import Calibration, probability
from src.evaluation import mistakes
from src.evaluation.heatmaps.removal import Curves
from src.evaluation.results import Evaluation
from src.evaluation.robustness import Row
from src.report import plots, uncertainty, verdicts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(found: Evaluation) -> dict[str, Figure]:
    """Draw an evaluation."""
    judged, measured = found.whole.judged, found.metrics
    labels, p_fake = judged.labels, judged.p_fake
    wrong = mistakes.is_wrong(judged)
    bits = uncertainty.entropy(p_fake)
    curve = uncertainty.risk_coverage(np.maximum(p_fake, 1 - p_fake), wrong)
    temperature, low, high = _thresholds(found)
    before, after = _before_and_after(found)
    drawn = {
        "dashboard": _dashboard(found),
        "roc": plots.roc(labels, p_fake, measured.auc),
        "precision_recall": plots.precision_recall(labels, p_fake, measured.average_precision),
        "thresholds": plots.thresholds(labels, p_fake),
        "confusion": plots.confusion(measured.confusion),
        "verdicts": plots.verdicts(found.whole.verdicts.table),
        "scores": plots.scores(labels, judged.logits / temperature, low, high),
        "reliability": plots.reliability(labels, before, after),
        "entropy": plots.entropy(bits[~wrong], bits[wrong]),
        "risk_coverage": plots.risk_coverage(*curve, found.uncertainty.aurc),
        "mistakes": plots.groups([_group(part) for part in found.parts]),
    }
    if values := verdicts.predictive_values(found.whole.verdicts):
        columns = [(one.prevalence, one.value, one.low, one.high) for one in values]
        drawn["prevalence"] = plots.prevalence(*np.array(columns).T)
    if found.robustness:
        drawn["robustness"] = _heat_table(found.robustness, "After changes on the way")
    if found.attacks:
        drawn["attacks"] = _heat_table(found.attacks, "Under attack (levels of 255)")
    if seen := found.features:
        drawn["features"] = plots.projection(seen.points, seen.labels, seen.wrong)
    if found.history:
        drawn["curves"] = plots.training_curves(found.history)
    return drawn | _explanations(found)


def _thresholds(found: Evaluation) -> tuple[float, float | None, float | None]:
    """Return temperature, `t_real` and `t_fake`."""
    if found.card.calibration is None:
        return 1.0, None, None
    calibrated = Calibration.from_dict(found.card.calibration)
    return calibrated.temperature, calibrated.t_real, calibrated.t_fake


def _before_and_after(found: Evaluation) -> tuple[np.ndarray, np.ndarray | None]:
    """Return `p_fake` without temperature, and with it where there is one."""
    judged = found.whole.judged
    if found.whole.untempered is None:
        return judged.p_fake, None
    return probability(judged.logits), judged.p_fake


def _group(part: mistakes.Part) -> tuple[str, int, float, float, float]:
    wrong = part.wrong
    return f"{part.by}: {part.name}", wrong.total, wrong.value, wrong.low, wrong.high


def _heat_table(rows: Sequence[Row], title: str) -> Figure:
    columns = ("AUC", "accuracy", "reals called\nfake", "fakes called\nreal", "inconclusive")
    values = [
        (
            row.auc.value,
            row.accuracy,
            *(
                share.value if share else np.nan
                for share in (
                    row.verdicts.false_fake,
                    row.verdicts.false_real,
                    row.verdicts.inconclusive,
                )
            ),
        )
        for row in rows
    ]
    return plots.heat_table(
        [row.name for row in rows],
        columns,
        np.array(values),
        title,
        ("{:.3f}", *["{:.1%}"] * 4),
        ("high", "high", "low", "low", None),
    )


def _explanations(found: Evaluation) -> dict[str, Figure]:
    measured = found.explanations
    if measured is None:
        return {}
    deletion, insertion = measured.removal.deletion_curves, measured.removal.insertion_curves
    drawn = {"removal": plots.removal(np.array(deletion.shares), _maps(deletion), _maps(insertion))}
    if shuffled := measured.randomisation:
        drawn["randomisation"] = plots.randomisation(
            shuffled.layers, np.array(shuffled.likeness), shuffled.control.value
        )
    return drawn


def _maps(curves: Curves) -> dict[str, np.ndarray]:
    return {
        "evidence map": np.array(curves.evidence),
        "random map": np.array(curves.random),
        "blob in the centre": np.array(curves.blob),
    }


def _dashboard(found: Evaluation) -> Figure:
    judged, whole = found.whole.judged, found.whole
    temperature, low, high = _thresholds(found)
    promises = {name: kept.promised for name, kept in found.kept.items() if kept}
    sets = ", ".join(result.name for result in found.sets)
    before, after = _before_and_after(found)
    rates = {
        row.name: (row.auc.value, row.verdicts.false_fake, row.verdicts.false_real)
        for row in found.robustness
    }
    return plots.dashboard(
        f"{found.card.name} on {sets} ({found.split}, {len(judged.labels)} images)",
        labels=judged.labels,
        logits=judged.logits / temperature,
        auc=found.metrics.auc,
        verdicts=whole.verdicts.table,
        t_real=low,
        t_fake=high,
        promised_alarms=promises.get("false_fake"),
        promised_misses=promises.get("false_real"),
        before=None if after is None else before,
        corruptions={
            name: (auc, alarms.value, misses.value)
            for name, (auc, alarms, misses) in rates.items()
            if alarms and misses
        },
        history=found.history,
    )
