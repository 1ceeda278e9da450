"""Figures; the only place that knows matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A map and the box that it covers: left, top, width, height in pixels.
Heat = tuple[np.ndarray, tuple[int, int, int, int]]

REAL, FAKE, INK, FAINT = "#2f6fb0", "#c8442b", "#2b2b2b", "#b5b5b5"
HEAT_OPACITY = 0.65
# A power of two: sizes in pixels survive the way through inches unrounded.
_PIXELS_PER_INCH = 128
# The renderer takes less than 65,536 pixels a side, margins included.
_LARGEST_SIDE = 60_000


def _figure(width: float, height: float) -> Figure:
    # Figure itself instead of pyplot: no global state, no window, safe in threads.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_PIXELS_PER_INCH, layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as the format of the suffix of `path`, whole or not at all."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary)


def _plain(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)


def training_curves(history: Sequence[dict[str, Any]]) -> Figure:
    """Plot loss and AUC of every epoch, with the changes of phase and the epoch that was kept.

    Args:
        history: rows with `epoch`, `phase`, `loss`, `auc`, `val_loss` and `val_auc`.
    """
    from matplotlib.ticker import MaxNLocator

    figure = _figure(9, 3.6)
    epochs = [row["epoch"] for row in history]
    best = max(history, key=lambda row: row["val_auc"])
    for axes, name, unit in zip(
        figure.subplots(1, 2), ("loss", "auc"), ("Loss (nats)", "AUC"), strict=True
    ):
        axes.plot(epochs, [r[name] for r in history], "o-", ms=3, color=FAINT, label="training")
        axes.plot(
            epochs, [r[f"val_{name}"] for r in history], "o-", ms=3, color=REAL, label="validation"
        )
        axes.plot(
            best["epoch"], best[f"val_{name}"], "o", ms=9, mfc="none", color=FAKE, label="kept"
        )
        for before, after in pairwise(history):
            if before["phase"] != after["phase"]:
                axes.axvline(before["epoch"] + 0.5, color=INK, lw=0.8, ls=":")
                axes.text(
                    before["epoch"] + 0.6,
                    1.0,
                    after["phase"],
                    transform=axes.get_xaxis_transform(),
                    va="top",
                    fontsize=8,
                    color=INK,
                )
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _plain(axes, "", "Epoch", unit)
        axes.legend(frameon=False, fontsize=8)
    return figure


def roc(labels: np.ndarray, p_fake: np.ndarray, auc: Any) -> Figure:
    """Plot the ROC curve of *fake*.

    Args:
        labels: `(N,)` 1 for fake, 0 for real.
        p_fake: `(N,)` in [0, 1].
        auc: the estimate that stands in the title.
    """
    from sklearn.metrics import roc_curve

    false_alarms, found, _ = roc_curve(labels, p_fake, drop_intermediate=False)
    figure = _figure(4.4, 4.2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color=FAINT)
    axes.plot(false_alarms, found, color=FAKE)
    axes.set_aspect("equal")
    _plain(axes, f"AUC {auc}", "Reals called fake (share)", "Fakes found (share)")
    return figure


def confusion(matrix: Sequence[Sequence[int]]) -> Figure:
    """Draw the confusion matrix with counts and the share of each row.

    Args:
        matrix: `[[real as real, real as fake], [fake as real, fake as fake]]`, in images.
    """
    counts = np.asarray(matrix)
    shares = counts / counts.sum(axis=1, keepdims=True)
    figure = _figure(4.2, 3.8)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column,
            row,
            f"{counts[row, column]}\n{share:.1%}",
            ha="center",
            va="center",
            color="white" if share > 0.5 else INK,
        )
    axes.set_xticks([0, 1], ["real", "fake"])
    axes.set_yticks([0, 1], ["real", "fake"])
    _plain(axes, "Answers at p_fake = 0.5", "Answer", "Truth")
    axes.spines[:].set_visible(False)
    return figure


def blend(image: np.ndarray, heats: Sequence[Heat]) -> np.ndarray:
    """Paint heatmaps over an image, at the image's own resolution.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        heats: each an `(h, w)` map in [0, 1] and the box that it covers: left, top, width, height
            in pixels. Where it is 0 the image stays as it is; a box that is not the whole image
            gets an outline.

    Returns:
        `(H, W, 3)` uint8 RGB.
    """
    import cv2
    from matplotlib import colormaps

    height, width = image.shape[:2]
    smooth = np.zeros((height, width), np.float32)
    outline = np.zeros((height, width), bool)
    for heat, (left, top, across, down) in heats:
        part = np.s_[top : top + down, left : left + across]
        grown = cv2.resize(heat.astype(np.float32), (across, down), interpolation=cv2.INTER_CUBIC)
        smooth[part] = np.maximum(smooth[part], np.clip(grown, 0.0, 1.0))
        if (across, down) != (width, height):
            line = max(1, min(across, down) // 150)
            inner = np.s_[top + line : top + down - line, left + line : left + across - line]
            kept = outline[inner].copy()
            outline[part] = True
            outline[inner] = kept
    colour = colormaps["inferno"](smooth, bytes=True)[..., :3]
    opacity = (HEAT_OPACITY * smooth)[..., None]
    painted = np.rint(image * (1 - opacity) + colour * opacity).astype(np.uint8)
    painted[outline] = 255
    return painted


def overlay(image: np.ndarray, heats: Sequence[Heat], title: str, unit: str) -> Figure:
    """Draw heatmaps over an image, one pixel of the image to one of the figure.

    Images of more than 60,000 pixels a side are scaled down to that.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        heats: `(h, w)` maps in [0, 1] with their boxes, see `blend`.
        title: the line above.
        unit: what the colour bar measures.
    """
    from matplotlib.figure import Figure

    painted = _within_limits(blend(image, heats))
    height, width = painted.shape[:2]
    # Text and margins grow with the picture, so that they stay readable in large ones.
    points = max(8.0, min(width, height) / 45)
    em = points * _PIXELS_PER_INCH / 72
    # A tiny picture stands in the corner of a figure that has room for the text.
    across, up = max(width, round(14 * em)), max(height, round(13 * em))
    margin = round(7 * em)
    figure = Figure(dpi=_PIXELS_PER_INCH)
    lines = _wrapped(title, figure, points, across + margin - em)
    top = round((1.35 * len(lines) + 0.8) * em)
    figure.set_size_inches((across + margin) / _PIXELS_PER_INCH, (up + top) / _PIXELS_PER_INCH)
    # Copied, where `imshow` would interpolate.
    figure.figimage(painted, 0, up - height, origin="upper")
    figure.text(
        0.5 * em / (across + margin),
        1 - 0.4 * em / (up + top),
        "\n".join(lines),
        va="top",
        fontsize=points,
        linespacing=1.3,
        color=INK,
        parse_math=False,
    )
    box = (
        (width + 0.8 * em) / (across + margin),
        0.1 * up / (up + top),
        1.2 * em / (across + margin),
        0.8 * up / (up + top),
    )
    _heat_scale(figure, box, unit, points)
    return figure


def _within_limits(image: np.ndarray) -> np.ndarray:
    """Scale an image down where the renderer could not take it."""
    import cv2

    height, width = image.shape[:2]
    scale = min(1.0, _LARGEST_SIDE / max(width, height))
    if scale == 1.0:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _wrapped(title: str, figure: Figure, points: float, width: float) -> list[str]:
    """Break a title into lines of at most `width` pixels."""
    import textwrap

    # File names can hold bytes that are no text.
    title = title.encode(errors="replace").decode()
    text = figure.text(0, 0, title, fontsize=points, parse_math=False)
    share = width / max(text.get_window_extent().width, 1.0)
    text.remove()
    return textwrap.wrap(title, max(8, int(0.95 * share * len(title))))


def _heat_scale(
    figure: Figure, box: tuple[float, float, float, float], unit: str, points: float
) -> None:
    """Draw the colour bar into `box`, (left, bottom, width, height) in shares of the figure."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    colours = ScalarMappable(cmap=colormaps["inferno"])
    bar = figure.colorbar(colours, cax=figure.add_axes(box), ticks=[0, 0.5, 1])
    bar.set_label(unit, fontsize=points, color=INK, labelpad=0.5 * points)
    bar.ax.tick_params(
        labelsize=points, color=INK, labelcolor=INK, length=0.4 * points, pad=0.3 * points
    )
    bar.outline.set_visible(False)
