"""What the scores tell: real from fake, a probability, and when an answer may be wrong.

`labels` are always `(N,)` 1 for fake and 0 for real, and `p_fake` is `(N,)` in [0, 1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.intervals import Estimate
from src.report.metrics import equal_mass_bins
from src.report.plots.style import (
    CLASSES,
    FAINT,
    FAKE,
    INK,
    PHONE_WIDTH,
    REAL,
    SMALL_POINTS,
    figure,
    histogram,
    legend_on_top,
    plain,
    plot,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HISTOGRAM_BINS = 20


@plot(PHONE_WIDTH, 4.2)
def roc(axes: Axes, labels: np.ndarray, p_fake: np.ndarray, auc: Estimate) -> None:
    """Plot the ROC curve of *fake*, with the estimate of the area in the title."""
    from sklearn.metrics import roc_curve

    false_alarms, found, _ = roc_curve(labels, p_fake, drop_intermediate=False)
    axes.plot([0, 1], [0, 1], ":", color=FAINT)
    axes.plot(false_alarms, found, color=FAKE)
    axes.set_aspect("equal")
    plain(axes, f"AUC {auc}", "Reals called fake (share)", "Fakes found (share)")


@plot(PHONE_WIDTH, 4.2)
def precision_recall(axes: Axes, labels: np.ndarray, p_fake: np.ndarray, average: Estimate) -> None:
    """Plot precision against recall of *fake*, as the step function of which `average` is taken."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, p_fake)
    chance = float(np.mean(labels))
    axes.axhline(chance, ls=":", color=FAINT)
    axes.text(0, chance, "chance", va="bottom", fontsize=SMALL_POINTS, color=INK)
    # Recall falls along the curve; from one point to the next the precision of the first holds.
    axes.step(recall, precision, where="post", color=FAKE)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    title = f"Average precision {average}"
    plain(axes, title, "Fakes found (share)", "Right among those called fake (share)")


@plot()
def thresholds(axes: Axes, labels: np.ndarray, p_fake: np.ndarray) -> None:
    """Plot precision, recall and F1 of *fake* against the `p_fake` from which on it is said."""
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


def reliability(labels: np.ndarray, before: np.ndarray, after: np.ndarray | None) -> Figure:
    """Plot `calibration`, and below it how often each `p_fake` occurs."""
    drawn = figure(PHONE_WIDTH, 4.6)
    upper, lower = drawn.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    calibration(upper, labels, before, after)
    upper.set_xlabel("")
    final = before if after is None else after
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    split = [final[labels == label] for label in (0, 1)]
    names, colours = zip(*CLASSES, strict=True)
    lower.hist(split, edges.tolist(), stacked=True, color=colours, label=names)
    legend_on_top(lower, 2)
    plain(lower, "", "p_fake", "Images")
    return drawn


def calibration(
    axes: Axes, labels: np.ndarray, before: np.ndarray, after: np.ndarray | None
) -> None:
    """Plot how many images of a given `p_fake` are fake, in bins of equally many images.

    Niculescu-Mizil & Caruana, ICML 2005.

    Args:
        axes: what is drawn on.
        labels: see above.
        before: `p_fake` without temperature.
        after: `p_fake` with it; None where there is none.
    """
    axes.plot([0, 1], [0, 1], ":", color=FAINT, label="as it should be")
    name = "measured" if after is None else "before temperature"
    title = f"Calibration error {_draw_bins(axes, labels, before, 'o--', INK, name):.3f}"
    if after is not None:
        title += f" → {_draw_bins(axes, labels, after, 'o-', FAKE, 'after'):.3f}"
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    plain(axes, title, "p_fake", "Fakes among them (share)")
    axes.legend(frameon=False, fontsize=SMALL_POINTS, loc="upper left")


def _draw_bins(
    axes: Axes, labels: np.ndarray, p_fake: np.ndarray, line: str, colour: str, name: str
) -> float:
    """Draw mean `p_fake` against the share of fakes, and return the mean distance of the two."""
    number = np.unique(equal_mass_bins(p_fake), return_inverse=True)[1]
    counts = np.bincount(number)
    mean, fakes = np.bincount(number, p_fake) / counts, np.bincount(number, labels) / counts
    hollow = "white" if line.endswith("--") else colour
    axes.plot(mean, fakes, line, ms=4, mfc=hollow, color=colour, label=name)
    return float(np.average(np.abs(mean - fakes), weights=counts))


@plot(PHONE_WIDTH, 3.4)
def risk_coverage(axes: Axes, coverage: np.ndarray, risk: np.ndarray, aurc: Estimate) -> None:
    """Plot how many answers are wrong where only the surest are given.

    El-Yaniv & Wiener, JMLR 11 (2010).

    Args:
        axes: what is drawn on.
        coverage: `(K,)` share of images that are answered, rising, in [0, 1].
        risk: `(K,)` share of wrong answers among them.
        aurc: estimate of the area under the curve.
    """
    axes.step(coverage, risk, where="post", color=FAKE)
    axes.plot(coverage[-1], risk[-1], "o", color=INK, clip_on=False)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.2 * max(float(np.max(risk)), 0.01))
    title = f"{risk[-1]:.1%} wrong in all, AURC {aurc}"
    plain(axes, title, "Images answered (share)", "Wrong among them (share)")


@plot(PHONE_WIDTH, 3.4)
def entropy(axes: Axes, right: np.ndarray, wrong: np.ndarray) -> None:
    """Plot how unsure right and wrong answers are, in bits, in [0, 1]; either may be empty."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    histogram(axes, right, edges, REAL, "right")
    histogram(axes, wrong, edges, FAKE, "wrong")
    if len(wrong) == 0:
        title = f"None of {len(right)} answers is wrong"
    elif len(right) == 0:
        title = f"All {len(wrong)} answers are wrong"
    else:
        title = f"Median {np.median(wrong):.2f} bits if wrong, {np.median(right):.2f} if right"
    plain(axes, title, "Entropy of the prediction (bits)", "Answers (share)")
    legend_on_top(axes, 2)
