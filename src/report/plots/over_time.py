"""What changes over time: a detector in training, and the persons in a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from src.report.plots.style import (
    FAINT,
    FAKE,
    INK,
    REAL,
    SMALL_POINTS,
    VERDICTS,
    figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More persons than that would be too small to see: the longest seen are shown.
MOST = 8
# Seconds that are shown at least.
SHORTEST = 1.0
# What a moment is wider than its frames, so that one of a single frame is seen; of what is shown.
MARGIN = 0.005


def training_curves(history: Sequence[dict[str, Any]]) -> Figure:
    """Plot loss and AUC of every epoch, with the changes of phase and the epoch that was kept.

    Args:
        history: rows with `epoch`, `phase`, `loss`, `auc`, `val_loss` and `val_auc`.
    """
    drawn = figure(9, 3.6)
    for axes, name in zip(drawn.subplots(1, 2), ("loss", "auc"), strict=True):
        curve(axes, history, name)
    return drawn


def curve(axes: Axes, history: Sequence[dict[str, Any]], name: str, title: str = "") -> None:
    """Draw one number of every epoch, `loss` or `auc`."""
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in history]
    best = max(history, key=lambda row: row["val_auc"])
    axes.plot(epochs, [r[name] for r in history], "o-", ms=3, color=FAINT, label="training")
    axes.plot(
        epochs, [r[f"val_{name}"] for r in history], "o-", ms=3, color=REAL, label="validation"
    )
    axes.plot(best["epoch"], best[f"val_{name}"], "o", ms=9, mfc="none", color=FAKE, label="kept")
    _mark_phases(axes, history)
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    plain(axes, title, "Epoch", {"loss": "Loss (nats)", "auc": "AUC"}[name])
    axes.legend(frameon=False, fontsize=SMALL_POINTS)


def _mark_phases(axes: Axes, history: Sequence[dict[str, Any]]) -> None:
    for before, after in pairwise(history):
        if before["phase"] != after["phase"]:
            axes.axvline(before["epoch"] + 0.5, color=INK, lw=0.8, ls=":")
            top: dict[str, Any] = {"va": "top", "transform": axes.get_xaxis_transform()}
            axes.text(
                before["epoch"] + 0.6, 1, after["phase"], fontsize=SMALL_POINTS, color=INK, **top
            )


@dataclass(frozen=True)
class Line:
    """One person over time."""

    title: str  # such as "person 1: fake, p_fake 0.993"
    word: str  # the verdict: `fake`, `real` or `inconclusive`; the colour
    p_fake: float  # probability of *fake* in [0, 1], of the person
    times: Sequence[float]  # `(N,)` seconds at which the person was seen, rising
    values: Sequence[float]  # `(N,)` p_fake of each of these frames
    # From when to when the person was there, in seconds, each from one of the times to another.
    stretches: Sequence[tuple[float, float]]
    # Start and end in seconds of what carries the answer.
    moments: Sequence[tuple[float, float]] = ()


def timeline(lines: Sequence[Line], duration: float) -> Figure:
    """Plot p_fake of each person over time, with the moments that carry the answer.

    Args:
        lines: the persons; of many, the longest seen are shown. Without any it says so.
        duration: of the video in seconds.
    """
    # A film of one frame lasts no time at all.
    shown = max(duration, SHORTEST)
    chosen = sorted(sorted(lines, key=lambda line: -len(line.times))[:MOST], key=lines.index)
    drawn = figure(7.0, 1.1 + 1.5 * max(1, len(chosen)))
    rows = drawn.subplots(max(1, len(chosen)), sharex=True, squeeze=False)[:, 0]
    if not chosen:
        middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": rows[0].transAxes}
        rows[0].text(0.5, 0.5, "no face was found", color=INK, **middle)
    for axes, line in zip_longest(rows, chosen):
        title = ""
        if line is not None:
            _draw_person(axes, line, MARGIN * shown)
            title = line.title
            if line.moments:
                answer = "fake" if line.p_fake >= 0.5 else "real"
                title += f"; shaded: half of what speaks for {answer}"
        axes.set(xlim=(0, shown), ylim=(-0.04, 1.04), yticks=[0, 0.5, 1])
        plain(axes, title, "Time (s)" if axes is rows[-1] else "", "p_fake")
    if len(chosen) < len(lines):
        drawn.supxlabel(
            f"the {len(chosen)} of {len(lines)} persons who were seen longest", fontsize=8
        )
    return drawn


def _draw_person(axes: Axes, line: Line, margin: float) -> None:
    colour = VERDICTS[line.word]
    axes.axhline(0.5, color=FAINT, lw=0.8, ls=":")
    for start, end in line.moments:
        axes.axvspan(start - margin, end + margin, color=colour, alpha=0.18, lw=0)
    times, values = np.asarray(line.times, float), np.asarray(line.values, float)
    for start, end in line.stretches:
        there = (times >= start) & (times <= end)
        axes.plot(times[there], values[there], "o-", color=colour, ms=3, lw=1.4, clip_on=False)
