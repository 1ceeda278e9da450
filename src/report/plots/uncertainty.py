"""Whether `p_fake` means what it says, and whether the detector knows when it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from src.report.metrics import BINS
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
    shown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HISTOGRAM_BINS = 20


def reliability(labels: np.ndarray, before: np.ndarray, after: np.ndarray | None) -> Figure:
    """Plot how many images of a given `p_fake` are fake, and how often each `p_fake` occurs.

    Niculescu-Mizil & Caruana, ICML 2005; the bins hold equally many images each.

    Args:
        labels: `(N,)` 1 for fake, 0 for real.
        before: `(N,)` `p_fake` without temperature.
        after: `(N,)` `p_fake` with it; None where there is none.
    """
    drawn = figure(PHONE_WIDTH, 4.6)
    upper, lower = drawn.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    draw_reliability(upper, labels, before, after)
    upper.set_xlabel("")
    final = before if after is None else after
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    split = [final[labels == label] for label in (0, 1)]
    names, colours = zip(*CLASSES, strict=True)
    lower.hist(split, edges.tolist(), stacked=True, color=colours, label=names)
    lower.legend(frameon=False, fontsize=SMALL_POINTS, loc="upper center", ncols=2)
    plain(lower, "", "p_fake", "Images")
    return drawn


def draw_reliability(
    axes: Axes, labels: np.ndarray, before: np.ndarray, after: np.ndarray | None
) -> None:
    """Draw the upper part of what `reliability` shows."""
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
    mean, fakes, counts = equal_mass_bins(labels, p_fake)
    hollow = "white" if line.endswith("--") else colour
    axes.plot(mean, fakes, line, ms=4, mfc=hollow, color=colour, label=name)
    return float(np.average(np.abs(mean - fakes), weights=counts))


def equal_mass_bins(
    labels: np.ndarray, p_fake: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort images into bins of equally many; equal scores stay together.

    Args:
        labels: `(N,)` 1 for fake, 0 for real.
        p_fake: `(N,)` in [0, 1].

    Returns:
        Mean `p_fake`, share of fakes and number of images of each bin that holds any.
    """
    ordered = np.sort(p_fake)
    number = np.searchsorted(ordered, p_fake, "left") * BINS // len(p_fake)
    counts = np.bincount(number)
    held = counts > 0
    sums = np.stack([np.bincount(number, p_fake), np.bincount(number, labels)])[:, held]
    mean, fakes = sums / counts[held]
    return mean, fakes, counts[held]


def risk_coverage(coverage: np.ndarray, risk: np.ndarray, aurc: Any) -> Figure:
    """Plot how many answers are wrong where only the surest are given.

    El-Yaniv & Wiener, JMLR 11 (2010).

    Args:
        coverage: `(K,)` share of images that are answered, rising, in [0, 1].
        risk: `(K,)` share of wrong answers among them.
        aurc: area under the curve, which stands in the title.
    """
    drawn = figure(PHONE_WIDTH, 3.4)
    draw_risk_coverage(drawn.subplots(), coverage, risk, aurc)
    return drawn


def draw_risk_coverage(axes: Axes, coverage: np.ndarray, risk: np.ndarray, aurc: Any) -> None:
    """Draw what `risk_coverage` shows."""
    axes.step(coverage, risk, where="post", color=FAKE)
    axes.plot(coverage[-1], risk[-1], "o", color=INK, clip_on=False)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.2 * max(float(np.max(risk)), 0.01))
    title = f"{risk[-1]:.1%} wrong in all, AURC {shown(aurc)}"
    plain(axes, title, "Images answered (share)", "Wrong among them (share)")


def entropy(right: np.ndarray, wrong: np.ndarray) -> Figure:
    """Plot how unsure right and wrong answers are.

    Args:
        right: entropy of the prediction of every right answer, in bits, in [0, 1].
        wrong: the same of every wrong answer; may be empty, as may `right`.
    """
    drawn = figure(PHONE_WIDTH, 3.4)
    draw_entropy(drawn.subplots(), right, wrong)
    return drawn


def draw_entropy(axes: Axes, right: np.ndarray, wrong: np.ndarray) -> None:
    """Draw what `entropy` shows."""
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
