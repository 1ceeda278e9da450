from itertools import combinations

import numpy as np
import pytest

from src.intervals import Estimate
from src.report import plots
from tests.report.plots.drawn import line, texts, texts_fit, title

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
    "better": ["high", "low", "low"],
}
HISTORY = [
    {"epoch": n, "phase": "warm-up", "loss": 0.5, "auc": 0.7, "val_loss": 0.6, "val_auc": 0.6}
    for n in (1, 2, 3)
]


def made(**changes):
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 2
    logits = rng.normal(4.0 * labels - 2, 2)
    facts = {"labels": labels, "logits": logits, "auc": AUC, "verdicts": TABLE}
    return plots.dashboard("detector on 600 test images", HEADLINES, **(facts | changes))


def full():
    return made(
        t_real=-0.8,
        t_fake=1.3,
        before=np.full(600, 0.5),
        worst=WORST,
        history=HISTORY,
    )


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


def test_dashboard_shows_calibrated_probabilities_after_temperature():
    (axes,) = [axes for axes in full().axes if "Calibration error" in title(axes)]
    assert line(axes, "before temperature").tolist() == [[0.5, 0.5]]
    after = line(axes, "after")[:, 0]
    assert (after > 0).all() and (after < 1).all() and np.ptp(after) > 0.5


@pytest.mark.parametrize("make", [full, made])
def test_nothing_is_cut_off_or_lies_on_something_else(make):
    figure = make()
    assert texts_fit(figure)
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]


def test_dashboard_of_one_saturated_image_a_class():
    figure = made(
        labels=np.array([0, 1]),
        logits=np.array([-900.0, 900.0]),
        auc=1.0,
        verdicts={"real": {"real": 1}, "fake": {"fake": 1}},
        worst=WORST | {"rows": ["JPEG"], "values": np.array([[1.0, 0.0, np.nan]])},
        history=HISTORY[:1],
    )
    assert texts_fit(figure)
    assert "AUC 1.000" in [title(axes) for axes in figure.axes]
