"""What was answered, for which images, and what an answer is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from src.report.plots.style import (
    CLASSES,
    DRAWN,
    FAKE,
    INK,
    PHONE_WIDTH,
    UNSURE,
    VERDICTS,
    histogram,
    legend_on_top,
    plain,
    plot,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCORE_BINS = 40
# Fakes are rare, are frequent, and are half of all as in most test sets.
MARKED_SHARES = (0.01, 0.1, 0.5)


@plot(4.2, 3.8)
def confusion(axes: Axes, matrix: Sequence[Sequence[int]]) -> None:
    """Draw the confusion matrix with counts and the share of each row.

    Args:
        axes: what is drawn on.
        matrix: `[[real as real, real as fake], [fake as real, fake as fake]]`, in images.
    """
    counts = np.asarray(matrix)
    shares = counts / counts.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text, colour = f"{counts[row, column]}\n{share:.1%}", "white" if share > 0.5 else INK
        axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks([0, 1], ["real", "fake"])
    axes.set_yticks([0, 1], ["real", "fake"])
    plain(axes, "Answers at p_fake = 0.5", "Answer", "Truth")
    axes.spines[:].set_visible(False)


@plot(PHONE_WIDTH, 2.8)
def verdicts(axes: Axes, table: Mapping[str, Mapping[str, int]]) -> None:
    """Draw how often each class got each verdict.

    Args:
        axes: what is drawn on.
        table: images by class (`real`, `fake`) and verdict (`fake`, `inconclusive`, `real`).
    """
    totals = {name: sum(table[name].values()) for name, _ in CLASSES}
    for row, (name, _) in enumerate(CLASSES):
        left = 0.0
        # The numbers stand above the bar in its order, since a part can be too narrow for one.
        places = ((0, "left"), (0.5, "center"), (1, "right"))
        for (word, colour), (place, side) in zip(VERDICTS.items(), places, strict=True):
            count = table[name].get(word, 0)
            share = count / max(totals[name], 1)
            axes.barh(row, share, 0.36, left, color=colour, edgecolor="white", lw=0.5)
            left += share
            text, ink = f"{word}\n{count} ({share:.1%})", INK if colour == UNSURE else colour
            axes.text(place, row - 0.22, text, ha=side, va="bottom", fontsize=9, color=ink)
    axes.set(xlim=(0, 1), ylim=(1.3, -0.75))
    axes.set_yticks([0, 1], [f"{name}\n{totals[name]} images" for name, _ in CLASSES])
    wrong = table["real"].get("fake", 0) + table["fake"].get("real", 0)
    unsure = sum(table[name].get("inconclusive", 0) for name, _ in CLASSES)
    plain(axes, f"{wrong} wrong, {unsure} inconclusive", "Verdicts (share of the class)", "Truth")
    axes.spines["left"].set_visible(False)
    axes.tick_params("y", length=0)


@plot()
def scores(
    axes: Axes, labels: np.ndarray, logits: np.ndarray, t_real: float | None, t_fake: float | None
) -> None:
    """Plot how the calibrated logits of both classes are distributed, and the thresholds.

    Args:
        axes: what is drawn on.
        labels: `(N,)` 1 for fake, 0 for real.
        logits: `(N,)` divided by the temperature.
        t_real: below it is *real*; None where there is no threshold.
        t_fake: above it is *fake*; may equal `t_real`.
    """
    shown = np.append(logits, [t for t in (t_real, t_fake) if t is not None])
    room = 0.03 * np.ptp(shown) or 0.5
    edges = np.linspace(shown.min() - room, shown.max() + room, SCORE_BINS + 1)
    for label, (name, colour) in enumerate(CLASSES):
        histogram(axes, logits[labels == label], edges, colour, name)
    _mark_thresholds(axes, t_real, t_fake)
    title = f"Scores of {len(labels)} images"
    if t_real is not None and t_real == t_fake:
        wrong = np.where(labels == 1, logits < t_real, logits > t_real)
        title = f"{wrong.mean():.1%} lie on the wrong side"
    elif t_real is not None and t_fake is not None:
        between = (logits >= t_real) & (logits <= t_fake)
        title = f"{between.mean():.1%} lie between the thresholds"
    plain(axes, title, "Calibrated logit (0: p_fake is 0.5)", "Images (share of the class)")
    axes.set_xlim(edges[0], edges[-1])
    legend_on_top(axes, 2)


def _mark_thresholds(axes: Axes, t_real: float | None, t_fake: float | None) -> None:
    if t_real is not None and t_real == t_fake:
        axes.axvline(t_real, 0, DRAWN, color=INK, ls="--", label=f"real < {t_real:.2f} < fake")
        return
    if t_real is not None and t_fake is not None:
        axes.axvspan(t_real, t_fake, 0, DRAWN, color=UNSURE, alpha=0.25, lw=0)
    if t_real is not None:
        axes.axvline(t_real, 0, DRAWN, color=INK, ls=":", label=f"real < {t_real:.2f}")
    if t_fake is not None:
        axes.axvline(t_fake, 0, DRAWN, color=INK, ls="--", label=f"fake > {t_fake:.2f}")


@plot()
def prevalence(
    axes: Axes, shares: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    """Plot how often the verdict *fake* is right, against how many fakes there are.

    Args:
        axes: what is drawn on.
        shares: `(K,)` share of fakes among what is checked, rising, in (0, 1); from the first of
            `MARKED_SHARES` or below to the last or above.
        value: `(K,)` positive predictive value there, in [0, 1].
        low: `(K,)` lower bound of it.
        high: `(K,)` upper bound.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    axes.fill_between(shares, low, high, color=FAKE, alpha=0.2, lw=0)
    axes.plot(shares, value, color=FAKE)
    worth = np.interp(MARKED_SHARES, shares, value)
    axes.plot(MARKED_SHARES, worth, "o", color=INK, clip_on=False)
    for share, right in zip(MARKED_SHARES, worth, strict=True):
        # Beside the point, on the side where the curve is not.
        axes.annotate(
            f"{right:.0%}", (share, right), (6, -9), textcoords="offset points", color=INK
        )
    # Equal steps for equal factors: one per cent and one half are both to be seen.
    axes.set_xscale("log")
    axes.set_xticks(MARKED_SHARES)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlim=(shares[0], shares[-1] * 1.35), ylim=(-0.03, 1.06))
    title = f"At {MARKED_SHARES[0]:.0%} fakes, {worth[0]:.0%} of alarms are right"
    plain(axes, title, "Fakes among what is checked", "Verdicts fake that are right (share)")
