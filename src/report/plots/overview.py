"""The key numbers of an evaluation in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from src.report.plots import answers, curves, failures, over_time
from src.report.plots.style import FAKE, INK, figure, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def dashboard(
    title: str,
    headlines: Sequence[tuple[str, str, bool]],
    *,
    labels: np.ndarray,
    logits: np.ndarray,
    auc: Any,
    verdicts: Mapping[str, Mapping[str, int]],
    t_real: float | None = None,
    t_fake: float | None = None,
    before: np.ndarray | None = None,
    worst: Mapping[str, Any] | None = None,
    history: Sequence[dict[str, Any]] = (),
) -> Figure:
    """Draw an evaluation at a glance, in landscape format.

    Args:
        title: the line above, such as the name of the detector and of the data.
        headlines: key numbers, what each means, and whether it is bad.
        labels: `(N,)` 1 for fake, 0 for real.
        logits: `(N,)` divided by the temperature.
        auc: the estimate, with its interval.
        verdicts: images by class (`real`, `fake`) and verdict (`fake`, `inconclusive`, `real`).
        t_real: below this calibrated logit is *real*; None where there is no threshold.
        t_fake: above it is *fake*.
        before: `(N,)` `p_fake` without temperature; None where there is none.
        worst: a `heat_table` of the changes of the images that harm the most; None for none.
        history: see `training_curves`; may be empty.
    """
    from scipy.special import expit

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
    wide, curve, calibration = middle.subplots(1, 3, width_ratios=[1.4, 1, 1.2])
    p_fake = expit(logits)
    answers.scores.on(wide, labels, logits, t_real, t_fake)
    curves.roc.on(curve, labels, p_fake, auc)
    first, second = (p_fake, None) if before is None else (before, p_fake)
    curves.calibration.on(calibration, labels, first, second)
    places = iter(bottom.subplots(1, 1 + bool(worst) + bool(history), squeeze=False)[0])
    answers.verdicts.on(next(places), verdicts)
    if worst:
        failures.heat_table.on(next(places), **worst)
    if history:
        best = max(row["val_auc"] for row in history)
        over_time.curve.on(next(places), history, "auc", f"Best validation AUC {best:.3f}")
    return drawn


def _draw_headlines(strip: SubFigure, facts: Sequence[tuple[str, str, bool]]) -> None:
    for axes, (number, text, bad) in zip(strip.subplots(1, len(facts)), facts, strict=True):
        axes.axis("off")
        axes.text(0, 0.6, number, fontsize=24, color=FAKE if bad else INK)
        axes.text(0, 0.5, text, va="top", fontsize=10, color=INK)
