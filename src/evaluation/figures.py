"""The figures of an evaluation, by the name of their file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from src.detector.calibration import probability
from src.evaluation import mistakes
from src.evaluation.promise import Kept
from src.evaluation.results import Evaluation
from src.evaluation.robustness import UNCHANGED, Row
from src.intervals import Estimate, Share
from src.report import plots, uncertainty, verdicts
from src.report.verdicts import Verdicts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Everything that `draw` may give.
NAMES = (
    *("dashboard", "roc", "precision_recall", "thresholds", "confusion", "verdicts", "scores"),
    *("reliability", "entropy", "risk_coverage", "mistakes", "prevalence", "robustness"),
    *("attacks", "features", "curves"),
)
# Changes of the images that the dashboard shows.
WORST_SHOWN = 6


def draw(found: Evaluation) -> dict[str, Figure]:
    """Draw an evaluation: those of `NAMES` that there is something to draw for."""
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
        drawn["prevalence"] = plots.prevalence(*np.array(values).T)
    if found.robustness:
        drawn["robustness"] = plots.heat_table(
            **_table(found.robustness, "After changes on the way")
        )
    if found.attacks:
        title = "Under attack (levels of 255)"
        drawn["attacks"] = plots.heat_table(**_table(found.attacks, title))
    if seen := found.features:
        drawn["features"] = plots.projection(seen.points, seen.labels, seen.wrong)
    if found.history:
        drawn["curves"] = plots.training_curves(found.history)
    return drawn


def _thresholds(found: Evaluation) -> tuple[float, float | None, float | None]:
    """Return temperature, `t_real` and `t_fake`."""
    known = found.calibration
    return (known.temperature, known.t_real, known.t_fake) if known else (1.0, None, None)


def _before_and_after(found: Evaluation) -> tuple[np.ndarray, np.ndarray | None]:
    """Return `p_fake` without temperature, and with it where there is one."""
    judged = found.whole.judged
    if found.whole.untempered is None:
        return judged.p_fake, None
    return probability(judged.logits), judged.p_fake


def _group(part: mistakes.Part) -> tuple[str, int, float, float, float]:
    wrong = part.wrong
    return f"{part.by}: {part.name}", wrong.total, wrong.value, wrong.low, wrong.high


def _table(rows: Sequence[Row], title: str, columns: Sequence[int] = range(5)) -> dict[str, Any]:
    """Return a `heat_table` with some of its columns."""
    names = ("AUC", "accuracy", "reals called\nfake", "fakes called\nreal", "inconclusive")
    better = ("high", "high", "low", "low", None)

    def numbers(row: Row) -> tuple[float, ...]:
        said = row.verdicts
        shares = (said.false_fake, said.false_real, said.inconclusive)
        return row.auc.value, row.accuracy, *(one.value if one else np.nan for one in shares)

    return {
        "rows": [row.name for row in rows],
        "columns": [names[column] for column in columns],
        "values": np.array([numbers(row) for row in rows])[:, columns],
        "title": title,
        "fmt": ["{:.1%}" if column else "{:.3f}" for column in columns],
        "better": [better[column] for column in columns],
    }


def worst(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return a `heat_table` of the changes after which the AUC is lowest; None without any."""
    changed = sorted((row for row in rows if row.name != UNCHANGED), key=lambda row: row.auc.value)
    if not changed:
        return None
    return _table(changed[:WORST_SHOWN], f"Worst of {len(changed)} changes", (0, 2, 3))


def headlines(
    auc: Estimate, said: Verdicts, kept: Mapping[str, Kept | None]
) -> list[tuple[str, str, bool]]:
    """Return the key numbers, what each means, and whether it breaks its promise."""

    def against(share: Share | None, text: str, promise: Kept | None) -> tuple[str, str, bool]:
        if share is None:
            return "–", text, False
        if promise is None:
            return f"{share.value:.1%}", f"{text} ({share.hits} of {share.total})", False
        share = promise.realised
        text = f"{text} ({share.hits} of {share.total})\npromised: at most {promise.promised:.1%}"
        return f"{share.value:.1%}", text, promise.broken

    number, _, interval = str(auc).partition(" ")
    return [
        (number, f"AUC\n{interval}", False),
        against(said.false_fake, "reals called fake", kept.get("false_fake")),
        against(said.false_real, "fakes called real", kept.get("false_real")),
        against(said.inconclusive, "inconclusive", None),
    ]


def _dashboard(found: Evaluation) -> Figure:
    judged, measured, history = found.whole.judged, found.metrics, found.history
    temperature, low, high = _thresholds(found)
    before, after = _before_and_after(found)
    sets = ", ".join(result.name for result in found.sets)
    logits = judged.logits / temperature
    upper = [
        partial(plots.scores.on, labels=judged.labels, logits=logits, t_real=low, t_fake=high),
        partial(plots.roc.on, labels=judged.labels, p_fake=judged.p_fake, auc=measured.auc),
        partial(plots.calibration, labels=judged.labels, before=before, after=after),
    ]
    lower = [partial(plots.verdicts.on, table=found.whole.verdicts.table)]
    if table := worst(found.robustness):
        lower.append(partial(plots.heat_table.on, **table))
    if history:
        title = f"Best validation AUC {max(row['val_auc'] for row in history):.3f}"
        lower.append(partial(plots.curve, history=history, name="auc", title=title))
    return plots.dashboard(
        f"{found.card.name} on {sets} ({found.split}, {len(judged.labels)} images)",
        headlines(measured.auc, found.whole.verdicts, found.kept),
        upper,
        lower,
    )
