"""Where the detector fails: on which changes, on which images, among which others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from src.report.plots.style import (
    CLASSES,
    FAINT,
    FAKE,
    INK,
    PHONE_WIDTH,
    SMALL_POINTS,
    legible_on,
    plain,
    plot,
    printable,
    sized,
    width_for,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Better = Literal["high", "low"] | None
# Name, number of images, share of errors, and the bounds of its interval.
Group = tuple[str, int, float, float, float]
# A column without a larger fault than this stays pale: tenths of a per cent are not to glow.
LEAST_FAULT = 0.1
UNKNOWN = "#eeeeee"
# Groups that are shown: a data set with a folder a person has thousands of sources, which make a
# picture of hundreds of thousands of pixels that no browser shows.
MOST = 60


def _table_size(
    rows: Sequence[str], columns: Sequence[str], *_: object, **__: object
) -> tuple[float, float]:
    longest = max(len(line) for name in columns for line in name.split("\n"))
    across = max(0.62, 0.1 + 0.07 * longest) * len(columns)
    return width_for(rows, 0.4 + across), 1.1 + 0.28 * len(rows)


@sized(_table_size)
def heat_table(
    axes: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    title: str,
    fmt: Sequence[str],
    better: Sequence[Better],
) -> None:
    """Draw a table of shares, the darker the worse within its column.

    Args:
        axes: what is drawn on.
        rows: names of the rows.
        columns: names of the columns, which may hold line breaks.
        values: `(rows, columns)` shares in [0, 1]; NaN is shown as a dash.
        title: the line above.
        fmt: for each column how `str.format` writes a number.
        better: for each column whether 1 (`high`) or 0 (`low`) is perfect, None for a column
            without colour.
    """
    values = np.asarray(values, float)
    colours = _badness_colours(values, better)
    axes.imshow(colours, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = fmt[column].format(value) if np.isfinite(value) else "–"
        ink = legible_on(tuple(colours[row, column]))
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color=ink)
    axes.set_xticks(range(len(columns)), columns, fontsize=SMALL_POINTS, parse_math=False)
    axes.set_yticks(range(len(rows)), map(printable, rows), fontsize=9, parse_math=False)
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    plain(axes, title, "", "")
    axes.spines[:].set_visible(False)


def _badness_colours(values: np.ndarray, better: Sequence[Better]) -> np.ndarray:
    """Return `(rows, columns, 3)` colours from white for perfect to red for a column's worst."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    scale = LinearSegmentedColormap.from_list("badness", ["white", FAKE])
    colours = np.ones((*values.shape, 3))
    for column, good in enumerate(better):
        if good is None:
            continue
        fault = np.nan_to_num(values[:, column] if good == "low" else 1 - values[:, column])
        colours[:, column] = scale(fault / max(fault.max(), LEAST_FAULT))[:, :3]
    colours[~np.isfinite(values)] = to_rgb(UNKNOWN)
    return colours


def _largest(rows: Sequence[Group]) -> list[Group]:
    """Return the `MOST` groups with the most images, in their order."""
    chosen = sorted(range(len(rows)), key=lambda place: -rows[place][1])[:MOST]
    return [rows[place] for place in sorted(chosen)]


def _groups_size(rows: Sequence[Group]) -> tuple[float, float]:
    shown = _largest(rows)
    return width_for([row[0] for row in shown], 2.8), 1.5 + 0.3 * len(shown)


@sized(_groups_size)
def groups(axes: Axes, rows: Sequence[Group]) -> None:
    """Plot the share of wrong answers in groups of images, with its interval.

    Args:
        axes: what is drawn on.
        rows: name, number of images, share of errors, and the bounds of its interval; of many, the
            largest groups are shown.
    """
    shown = _largest(rows)
    names, counts, *shares = zip(*shown, strict=True)
    error, low, high = np.array(shares)
    place = np.arange(len(shown))
    # All together are those that are not shown, too.
    overall = np.average([row[2] for row in rows], weights=[row[1] for row in rows])
    worst = int(np.argmax(error))
    axes.axvline(overall, color=FAINT, ls="--", lw=1.2)
    axes.hlines(place, low, high, color=FAKE, lw=2)
    axes.plot(error, place, "o", color=FAKE, clip_on=False)
    ticks = [f"{printable(name)} ({count})" for name, count in zip(names, counts, strict=True)]
    axes.set_yticks(place, ticks, fontsize=9, parse_math=False)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(left=0)
    unit = f"Errors (share of the images)\ndashed: all together, {overall:.1%}"
    left_out = f"; the {MOST} largest of {len(rows)}" if len(shown) < len(rows) else ""
    title = f"Most errors: {names[worst]}, {error[worst]:.1%}"
    plain(axes, title, unit, f"Group (images){left_out}")


@plot(PHONE_WIDTH, 4.2)
def projection(axes: Axes, points: np.ndarray, labels: np.ndarray, wrong: np.ndarray) -> None:
    """Plot where images lie in the network's feature space, brought to two dimensions.

    Args:
        axes: what is drawn on.
        points: `(N, 2)` coordinates.
        labels: `(N,)` 1 for fake, 0 for real.
        wrong: `(N,)` bool: which were answered wrongly; they have a ring.
    """
    for (label, (name, colour)), marker in zip(enumerate(CLASSES), "o^", strict=True):
        x, y = points[labels == label].T
        axes.scatter(x, y, s=14, color=colour, marker=marker, alpha=0.6, lw=0, label=name)
    x, y = points[wrong].T
    axes.scatter(x, y, s=60, facecolors="none", edgecolors=INK, lw=1, label="answered wrongly")
    axes.set_xticks([])
    axes.set_yticks([])
    title = f"{int(np.sum(wrong))} of {len(labels)} answered wrongly"
    plain(axes, title, "First direction of the features", "Second direction of the features")
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.07),
        ncols=3,
        frameon=False,
        fontsize=SMALL_POINTS,
    )
