"""How well the scores tell the classes apart, over all thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from src.report.plots.style import (
    FAINT,
    FAKE,
    INK,
    PHONE_WIDTH,
    REAL,
    SMALL_POINTS,
    figure,
    plain,
    shown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def roc(labels: np.ndarray, p_fake: np.ndarray, auc: Any) -> Figure:
    """Plot the ROC curve of *fake*.

    Args:
        labels: `(N,)` 1 for fake, 0 for real.
        p_fake: `(N,)` in [0, 1].
        auc: the estimate that stands in the title.
    """
    drawn = figure(PHONE_WIDTH, 4.2)
    draw_roc(drawn.subplots(), labels, p_fake, auc)
    return drawn


def draw_roc(axes: Axes, labels: np.ndarray, p_fake: np.ndarray, auc: Any) -> None:
    """Draw what `roc` shows."""
    from sklearn.metrics import roc_curve

    false_alarms, found, _ = roc_curve(labels, p_fake, drop_intermediate=False)
    axes.plot([0, 1], [0, 1], ":", color=FAINT)
    axes.plot(false_alarms, found, color=FAKE)
    axes.set_aspect("equal")
    plain(axes, f"AUC {shown(auc)}", "Reals called fake (share)", "Fakes found (share)")


def precision_recall(labels: np.ndarray, p_fake: np.ndarray, average_precision: Any) -> Figure:
    """Plot precision against recall of *fake*, as the step function that is averaged.

    Args:
        labels: `(N,)` 1 for fake, 0 for real.
        p_fake: `(N,)` in [0, 1].
        average_precision: the estimate that stands in the title.
    """
    drawn = figure(PHONE_WIDTH, 4.2)
    draw_precision_recall(drawn.subplots(), labels, p_fake, average_precision)
    return drawn


def draw_precision_recall(
    axes: Axes, labels: np.ndarray, p_fake: np.ndarray, average_precision: Any
) -> None:
    """Draw what `precision_recall` shows."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, p_fake)
    chance = float(np.mean(labels))
    axes.axhline(chance, ls=":", color=FAINT)
    axes.text(0, chance, "chance", va="bottom", fontsize=SMALL_POINTS, color=INK)
    # Recall falls along the curve; from one point to the next the precision of the first holds.
    axes.step(recall, precision, where="post", color=FAKE)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    title = f"Average precision {shown(average_precision)}"
    plain(axes, title, "Fakes found (share)", "Right among those called fake (share)")


def thresholds(labels: np.ndarray, p_fake: np.ndarray) -> Figure:
    """Plot precision, recall and F1 of *fake* against the `p_fake` from which on it is said.

    Args:
        labels: `(N,)` 1 for fake, 0 for real.
        p_fake: `(N,)` in [0, 1].
    """
    drawn = figure(PHONE_WIDTH, 3.6)
    draw_thresholds(drawn.subplots(), labels, p_fake)
    return drawn


def draw_thresholds(axes: Axes, labels: np.ndarray, p_fake: np.ndarray) -> None:
    """Draw what `thresholds` shows."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, limits = precision_recall_curve(labels, p_fake)
    # Below the smallest score all are called fake; above the largest none is, and the precision
    # of nothing is not known.
    limits = np.concatenate([[0.0], limits, [1.0]])
    precision = np.concatenate([precision[:1], precision[:-1], [np.nan]])
    recall = np.concatenate([recall[:1], recall])
    if limits[-2] >= 1:
        limits, precision, recall = limits[:-1], precision[:-1], recall[:-1]
    total = np.nan_to_num(precision) + recall
    f1 = np.divide(
        2 * np.nan_to_num(precision) * recall, total, out=np.zeros_like(total), where=total > 0
    )
    for name, values, colour, line in (
        ("precision", precision, REAL, "--"),
        ("recall", recall, FAKE, "-."),
        ("F1", f1, INK, "-"),
    ):
        axes.step(limits, values, where="pre", color=colour, ls=line, label=name)
    # The last of equally good ones is a score that occurs.
    best = int(np.flatnonzero(f1 == f1.max())[-1])
    axes.plot(limits[best], f1[best], "o", ms=9, mfc="none", color=INK)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.06))
    title = f"Best F1 {f1[best]:.3f}, from p_fake {limits[best]:.2f} on"
    plain(axes, title, "Called fake from this p_fake on", "Share")
    axes.legend(frameon=False, fontsize=SMALL_POINTS)
