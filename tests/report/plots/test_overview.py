from functools import partial
from itertools import combinations

import numpy as np
import pytest

from src.intervals import Estimate
from src.report import plots
from tests.report.plots.drawn import texts, texts_fit, title

AUC = Estimate(0.9652, 0.95, 0.98)
TABLE = {
    "real": {"fake": 30, "inconclusive": 20, "real": 250},
    "fake": {"fake": 240, "inconclusive": 45, "real": 15},
}
HEADLINES = [("0.965", "AUC\n[0.950, 0.980]", False), ("10.0%", "reals called fake", True)]
WORST = {
    "rows": [f"change number {number}" for number in range(6)],
    "columns": ["AUC", "reals called\nfake", "fakes called\nreal"],
    "values": np.linspace(0, 1, 18).reshape(6, 3),
    "title": "Worst of 9 changes",
    "fmt": ["{:.1%}"] * 3,
    "better": ["high", "low", "low"],
}
HISTORY = [
    {"epoch": n, "phase": "warm-up", "loss": 0.5, "auc": 0.7, "val_loss": 0.6, "val_auc": 0.6}
    for n in (1, 2, 3)
]


def made(labels, logits, auc, table, *lower, thresholds=(None, None), before=None):
    p_fake = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
    first, second = (p_fake, None) if before is None else (before, p_fake)
    upper = [
        lambda axes: plots.scores.on(axes, labels, logits, *thresholds),
        lambda axes: plots.roc.on(axes, labels, p_fake, auc),
        lambda axes: plots.calibration(axes, labels, first, second),
    ]
    verdicts = partial(plots.verdicts.on, table=table)
    return plots.dashboard("detector on 600 test images", HEADLINES, upper, [verdicts, *lower])


def bare(*lower, **options):
    labels = np.arange(600) % 2
    logits = np.random.default_rng(0).normal(4.0 * labels - 2, 2)
    return made(labels, logits, AUC, TABLE, *lower, **options)


def below(table, history):
    """Return what draws the two other pictures of the row below."""
    return (
        partial(plots.heat_table.on, **table),
        partial(plots.curve, history=history, name="auc", title="Best"),
    )


def full():
    return bare(*below(WORST, HISTORY), thresholds=(-0.8, 1.3), before=np.full(600, 0.5))


def test_dashboard_shows_the_key_numbers_and_the_figures():
    figure = full()
    shown = [text for axes in figure.axes for text in texts(axes)]
    assert {"0.965", "10.0%", "reals called fake"} <= set(shown)
    assert "change number 5" in [
        tick.get_text() for axes in figure.axes for tick in axes.get_yticklabels()
    ]
    titles = " ".join(title(axes) for axes in figure.axes)
    for part in (
        "between the thresholds",
        "AUC 0.965",
        "Calibration error",
        "45 wrong",
        "Worst",
        "Best",
    ):
        assert part in titles
    width, height = figure.get_size_inches()
    assert width > height


@pytest.mark.parametrize("make", [full, bare])
def test_nothing_is_cut_off_or_lies_on_something_else(make):
    figure = make()
    assert texts_fit(figure)
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]


def test_dashboard_of_one_saturated_image_a_class():
    figure = made(
        np.array([0, 1]),
        np.array([-900.0, 900.0]),
        Estimate(1.0, 1.0, 1.0),
        {"real": {"real": 1}, "fake": {"fake": 1}},
        *below(WORST | {"rows": ["JPEG"], "values": np.array([[1.0, 0.0, np.nan]])}, HISTORY[:1]),
    )
    assert texts_fit(figure)
    assert "AUC 1.000 [1.000, 1.000]" in [title(axes) for axes in figure.axes]
