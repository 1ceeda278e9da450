"""Whether the heatmaps show what the network looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from src.report.plots.style import (
    FAINT,
    FAKE,
    INK,
    PHONE_WIDTH,
    REAL,
    SMALL_POINTS,
    UNSURE,
    figure,
    legend_on_top,
    plain,
    printable,
    width_for,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ((FAKE, "-"), (INK, ":"), (REAL, "--"), (UNSURE, "-."))


def removal(
    shares: np.ndarray, deletion: Mapping[str, np.ndarray], insertion: Mapping[str, np.ndarray]
) -> Figure:
    """Plot how the score changes as pixels go, or come, in the order of a heatmap.

    Petsiuk, Das & Saenko, BMVC 2018: a good map makes the score fall fast, or rise fast.

    Args:
        shares: `(K,)` share of the pixels removed or shown, rising, in [0, 1].
        deletion: by name of the map, `(K,)` mean probability of the answer; up to four maps.
        insertion: the same where pixels are shown.
    """
    drawn = figure(PHONE_WIDTH, 3.6)
    left, right = drawn.subplots(1, 2, sharey=True)
    draw_removal(left, shares, deletion, "low is good")
    draw_removal(right, shares, insertion, "high is good")
    plain(left, "Deletion", "Pixels removed (share)", "Probability of the answer")
    plain(right, "Insertion", "Pixels shown (share)", "")
    return drawn


def draw_removal(
    axes: Axes, shares: np.ndarray, curves: Mapping[str, np.ndarray], wanted: str
) -> None:
    """Draw one side of what `removal` shows, the area under each curve in the legend."""
    for (name, values), (colour, line) in zip(curves.items(), LINES, strict=False):
        area = np.trapezoid(values, shares)
        axes.plot(shares, values, color=colour, ls=line, label=f"{printable(name)} {area:.2f}")
    axes.set(xlim=(0, 1), ylim=(-0.03, 1.03))
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks(np.linspace(0, 1, 6))
    legend_on_top(axes, 1, f"area: {wanted}")


def randomisation(stages: Sequence[str], correlations: np.ndarray, control: float) -> Figure:
    """Plot how alike heatmaps stay as the layers lose what they have learned.

    Adebayo et al., NeurIPS 2018 (arXiv 1810.03292): a map that stays the same shows the image,
    not the network.

    Args:
        stages: what was shuffled, in the order in which it was.
        correlations: of each stage, rank correlation with the map of the whole network, in [-1, 1].
        control: the same between maps that have nothing to do with each other; NaN for none.
    """
    drawn = figure(width_for(stages, 2.4), 1.5 + 0.3 * len(stages))
    draw_randomisation(drawn.subplots(), stages, correlations, control)
    return drawn


def draw_randomisation(
    axes: Axes, stages: Sequence[str], correlations: np.ndarray, control: float
) -> None:
    """Draw what `randomisation` shows."""
    rows = np.arange(len(stages))
    axes.axvline(0, color=FAINT, lw=0.8)
    if np.isfinite(control):
        axes.axvline(control, color=INK, ls="--", lw=1, label=f"control {control:.2f}")
        axes.legend(frameon=False, fontsize=SMALL_POINTS)
    axes.plot(correlations, rows, "o-", color=FAKE)
    axes.set_yticks(rows, [printable(stage) for stage in stages], fontsize=9, parse_math=False)
    axes.set_ylim(len(stages) - 0.5, -0.5)
    axes.set_xlim(min(-0.1, float(np.nanmin(correlations)) - 0.05), 1.05)
    title = f"Likeness of the maps falls to {correlations[-1]:.2f}"
    plain(axes, title, "Rank correlation with the true map", "Shuffled down to")
