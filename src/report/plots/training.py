"""How training went."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from src.report.plots.style import FAINT, FAKE, INK, REAL, SMALL_POINTS, figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def training_curves(history: Sequence[dict[str, Any]]) -> Figure:
    """Plot loss and AUC of every epoch, with the changes of phase and the epoch that was kept.

    Args:
        history: rows with `epoch`, `phase`, `loss`, `auc`, `val_loss` and `val_auc`.
    """
    drawn = figure(9, 3.6)
    for axes, name in zip(drawn.subplots(1, 2), ("loss", "auc"), strict=True):
        draw_history(axes, history, name)
    return drawn


def draw_history(axes: Axes, history: Sequence[dict[str, Any]], name: str, title: str = "") -> None:
    """Draw one number of every epoch.

    Args:
        axes: what is drawn on.
        history: see `training_curves`.
        name: `loss` or `auc`.
        title: the line above.
    """
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
            axes.text(
                before["epoch"] + 0.6,
                1.0,
                after["phase"],
                transform=axes.get_xaxis_transform(),
                va="top",
                fontsize=SMALL_POINTS,
                color=INK,
            )
