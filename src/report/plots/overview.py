"""The key numbers of an evaluation in one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from src.report.plots.style import FAKE, INK, figure, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def dashboard(
    title: str,
    headlines: Sequence[tuple[str, str, bool]],
    upper: Sequence[Callable[[Axes], None]],
    lower: Sequence[Callable[[Axes], None]],
) -> Figure:
    """Draw an evaluation at a glance, in landscape format.

    Args:
        title: the line above, such as the name of the detector and of the data.
        headlines: key numbers, what each means, and whether it is bad.
        upper: what draws the three pictures in the middle, such as `roc.on` with all but the axes.
        lower: the same for the row below, of any number.
    """
    drawn = figure(12, 7.6)
    drawn.suptitle(
        "\n".join(wrapped(title, drawn, 14, drawn.bbox.width)),
        x=0.0075,
        ha="left",
        fontsize=14,
        color=INK,
        parse_math=False,
    )
    strips = drawn.subfigures(3, 1, squeeze=False, height_ratios=[0.9, 3.6, 3.2])
    head, middle, bottom = strips[:, 0]
    _draw_headlines(head, headlines)
    places = [
        *middle.subplots(1, 3, width_ratios=[1.4, 1, 1.2]),
        *bottom.subplots(1, len(lower), squeeze=False)[0],
    ]
    for draw, axes in zip([*upper, *lower], places, strict=True):
        draw(axes)
    return drawn


def _draw_headlines(strip: SubFigure, facts: Sequence[tuple[str, str, bool]]) -> None:
    for axes, (number, text, bad) in zip(strip.subplots(1, len(facts)), facts, strict=True):
        axes.axis("off")
        axes.text(0, 0.6, number, fontsize=24, color=FAKE if bad else INK)
        axes.text(0, 0.5, text, va="top", fontsize=10, color=INK)
