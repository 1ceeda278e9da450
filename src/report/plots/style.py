"""What all figures share: colours, sizes, titles that fit, and writing to disk."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec

import numpy as np

from src.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

# Blue, red and amber differ in lightness too, for those who cannot tell the hues apart.
REAL, FAKE, UNSURE, INK, FAINT = "#2f6fb0", "#c8442b", "#e8b44c", "#2b2b2b", "#b5b5b5"
# Class 0 and class 1.
CLASSES = (("real", REAL), ("fake", FAKE))
# In the order in which the score falls.
VERDICTS = {"fake": FAKE, "inconclusive": UNSURE, "real": REAL}
# A power of two: sizes in pixels survive the way through inches unrounded.
PIXELS_PER_INCH = 128
# In inches: on a phone the text of a figure of this width is as large as that around it.
PHONE_WIDTH = 4.4
TITLE_POINTS, SMALL_POINTS = 11, 8
# Share of the height of axes that is drawn on; the legend stands in the rest.
DRAWN = 0.74
# Share of the place of axes that matplotlib gives them before it lays out the figure.
_AXES_SHARE = 0.775
# In inches, so that no text touches the edge.
_MARGIN = 0.08


_Shown = ParamSpec("_Shown")


class Plot(Generic[_Shown]):
    """Something to draw: called, it returns a figure of its own; `on` draws it beside others."""

    def __init__(
        self,
        on: Callable[Concatenate[Axes, _Shown], None],
        size: Callable[..., tuple[float, float]],
    ) -> None:
        self.on, self._size = on, size
        update_wrapper(self, on)

    def __call__(self, *shown: _Shown.args, **options: _Shown.kwargs) -> Figure:
        drawn = figure(*self._size(*shown, **options))
        self.on(drawn.subplots(), *shown, **options)
        return drawn


def plot(
    width: float = PHONE_WIDTH, height: float = 3.6
) -> Callable[[Callable[Concatenate[Axes, _Shown], None]], Plot[_Shown]]:
    """Make a function that draws on axes a `Plot` of so many inches."""
    return lambda on: Plot(on, lambda *_, **__: (width, height))


def sized(
    size: Callable[..., tuple[float, float]],
) -> Callable[[Callable[Concatenate[Axes, _Shown], None]], Plot[_Shown]]:
    """Make a function a `Plot` whose width and height in inches depend on what it shows."""
    return lambda on: Plot(on, size)


def figure(width: float, height: float) -> Figure:
    """Return an empty figure, so many inches large, that leaves room for all text."""
    # Figure itself instead of pyplot: no global state, no window, safe in threads.
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), dpi=PIXELS_PER_INCH)
    drawn.set_layout_engine("constrained", w_pad=_MARGIN, h_pad=_MARGIN)
    return drawn


def save(figure: Figure, path: Path) -> None:
    """Write a figure as the format of the suffix of `path`, whole or not at all."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary)


def width_for(names: Sequence[str], rest: float) -> float:
    """Return the width of a figure in inches whose rows have names, beside `rest` inches."""
    return max(PHONE_WIDTH, rest + 0.08 * max(map(len, names), default=0))


def plain(axes: Axes, title: str, x: str, y: str) -> None:
    """Give axes labels and a title, which breaks where it would leave their place.

    The ticks have to be there already, because names beside the axes take width from the title.
    """
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        beside = axes.yaxis.get_tightbbox()
        room = axes.bbox.width / _AXES_SHARE - (beside.width if beside else 0)
        title = "\n".join(wrapped(title, axes.figure, TITLE_POINTS, room - 2 * TITLE_POINTS))
    axes.set_title(title, loc="left", fontsize=TITLE_POINTS, color=INK, parse_math=False)


def histogram(axes: Axes, values: np.ndarray, edges: np.ndarray, colour: str, name: str) -> None:
    """Draw which share of values lies in each bin; of no values, nothing."""
    axes.hist(
        values,
        edges.tolist(),
        weights=np.full(len(values), 1 / max(len(values), 1)),
        histtype="stepfilled",
        facecolor=(colour, 0.45),
        edgecolor=colour,
        label=f"{name} ({len(values)})",
    )


def legend_on_top(axes: Axes, columns: int) -> None:
    """Put the legend above what is drawn, where it hides nothing."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, low + (high - low) / DRAWN)
    axes.legend(
        loc="upper center",
        ncols=columns,
        frameon=False,
        fontsize=SMALL_POINTS,
        borderpad=0,
        columnspacing=1,
        handlelength=1.5,
    )


def wrapped(title: str, figure: FigureBase, points: float, width: float) -> list[str]:
    """Break a title into lines of at most `width` pixels."""
    title = printable(title)
    text = figure.text(0, 0, title, fontsize=points, parse_math=False)
    share = width / max(text.get_window_extent().width, 1.0)
    text.remove()
    return textwrap.wrap(title, max(8, int(0.95 * share * len(title))))


def printable(name: str) -> str:
    """Return a name that can be drawn; file names can hold bytes that are no text."""
    return name.encode(errors="replace").decode()


def legible_on(colour: tuple[float, ...]) -> str:
    """Return black or white, whichever stands out more from a colour.

    Relative luminance and contrast as in WCAG 2.2, section 1.4.3.

    Args:
        colour: red, green and blue in [0, 1]; more is ignored.
    """
    part = np.asarray(colour[:3])
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"
