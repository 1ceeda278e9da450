"""The key numbers of an evaluation in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from src.report.plots.answers import draw_scores, draw_verdicts
from src.report.plots.failures import draw_heat_table
from src.report.plots.ranking import draw_roc
from src.report.plots.style import FAKE, INK, figure, shown, wrapped
from src.report.plots.training import draw_history
from src.report.plots.uncertainty import draw_reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

WORST_SHOWN = 6
# A promise counts as broken where so many errors would come by chance less often than this.
SURPRISING = 0.05


def dashboard(
    title: str,
    *,
    labels: np.ndarray,
    logits: np.ndarray,
    auc: Any,
    verdicts: Mapping[str, Mapping[str, int]],
    t_real: float | None = None,
    t_fake: float | None = None,
    promised_alarms: float | None = None,
    promised_misses: float | None = None,
    before: np.ndarray | None = None,
    corruptions: Mapping[str, tuple[float, float, float]] | None = None,
    history: Sequence[dict[str, Any]] | None = None,
) -> Figure:
    """Draw an evaluation at a glance, in landscape format.

    Args:
        title: the line above, such as the name of the detector and of the data.
        labels: `(N,)` 1 for fake, 0 for real.
        logits: `(N,)` divided by the temperature.
        auc: the estimate, with its interval.
        verdicts: images by class (`real`, `fake`) and verdict (`fake`, `inconclusive`, `real`).
        t_real: below this calibrated logit is *real*; None where there is no threshold.
        t_fake: above it is *fake*.
        promised_alarms: share of real images that may be called fake; None for no promise.
        promised_misses: share of fakes that may be called real; None for no promise.
        before: `(N,)` `p_fake` without temperature; None where there is none.
        corruptions: for each change of the images the AUC, the share of real images called fake and
            of fakes called real; those with the lowest AUC are shown. None or empty to leave them
            out.
        history: see `training_curves`; None or empty to leave them out.
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
    _draw_headlines(head, headlines(auc, verdicts, promised_alarms, promised_misses))
    wide, curve, calibration = middle.subplots(1, 3, width_ratios=[1.4, 1, 1.2])
    p_fake = expit(logits)
    draw_scores(wide, labels, logits, t_real, t_fake)
    draw_roc(curve, labels, p_fake, auc)
    first, second = (p_fake, None) if before is None else (before, p_fake)
    draw_reliability(calibration, labels, first, second)
    places = iter(bottom.subplots(1, 1 + bool(corruptions) + bool(history), squeeze=False)[0])
    draw_verdicts(next(places), verdicts)
    if corruptions:
        _draw_worst(next(places), corruptions)
    if history:
        best = max(row["val_auc"] for row in history)
        draw_history(next(places), history, "auc", f"Best validation AUC {best:.3f}")
    return drawn


def headlines(
    auc: Any,
    verdicts: Mapping[str, Mapping[str, int]],
    promised_alarms: float | None,
    promised_misses: float | None,
) -> list[tuple[str, str, bool]]:
    """Return the key numbers, what each means, and whether it breaks its promise beyond chance."""
    real, fake = verdicts["real"], verdicts["fake"]
    images = sum(real.values()) + sum(fake.values())
    unsure = (real.get("inconclusive", 0) + fake.get("inconclusive", 0)) / max(images, 1)
    number, _, interval = shown(auc).partition(" ")
    return [
        (number, f"AUC\n{interval}".strip(), False),
        _against(real.get("fake", 0), sum(real.values()), "real called fake", promised_alarms),
        _against(fake.get("real", 0), sum(fake.values()), "fakes called real", promised_misses),
        (f"{unsure:.1%}", f"inconclusive\nof {images} images", False),
    ]


def _against(count: int, total: int, text: str, promised: float | None) -> tuple[str, str, bool]:
    from scipy.stats import binomtest

    number, text = f"{count / max(total, 1):.1%}", f"{text} ({count} of {total})"
    if promised is None or total == 0:
        return number, text, False
    chance = binomtest(count, total, promised, alternative="greater").pvalue
    return number, f"{text}\npromised: at most {promised:.1%}", chance < SURPRISING


def _draw_headlines(strip: SubFigure, facts: Sequence[tuple[str, str, bool]]) -> None:
    for axes, (number, text, broken) in zip(strip.subplots(1, len(facts)), facts, strict=True):
        axes.axis("off")
        axes.text(0, 0.6, number, fontsize=24, color=FAKE if broken else INK)
        axes.text(0, 0.5, text, va="top", fontsize=10, color=INK)


def _draw_worst(axes: Axes, corruptions: Mapping[str, tuple[float, float, float]]) -> None:
    # What is not known comes last.
    auc = {name: np.nan_to_num(values[0], nan=np.inf) for name, values in corruptions.items()}
    worst = sorted(auc, key=auc.__getitem__)[:WORST_SHOWN]
    draw_heat_table(
        axes,
        worst,
        ["AUC", "real\ncalled fake", "fakes\ncalled real"],
        np.array([corruptions[name] for name in worst]),
        f"Worst of {len(corruptions)} corruptions",
        ["{:.3f}", "{:.1%}", "{:.1%}"],
        ["high", "low", "low"],
    )
