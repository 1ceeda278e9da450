from itertools import combinations

import numpy as np
import pytest

from src.intervals import Estimate
from src.report import plots
from src.report.plots.overview import headlines
from tests.report.plots.drawn import line, texts, texts_fit, title

AUC = Estimate(0.9652, 0.95, 0.98)
TABLE = {
    "real": {"fake": 30, "inconclusive": 20, "real": 250},
    "fake": {"fake": 240, "inconclusive": 45, "real": 15},
}
CORRUPTIONS = {
    f"corruption number {number}": (0.9 - 0.04 * number, 0.02 * number, 0.03) for number in range(9)
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
    return plots.dashboard("detector on 600 test images", **(facts | changes))


def full():
    return made(
        t_real=-0.8,
        t_fake=1.3,
        promised_alarms=0.01,
        promised_misses=0.05,
        before=np.full(600, 0.5),
        corruptions=CORRUPTIONS,
        history=HISTORY,
    )


def test_headlines_set_what_happened_against_what_was_promised():
    auc, alarms, misses, unsure = headlines(AUC, TABLE, 0.01, 0.05)
    assert auc == ("0.965", "AUC\n[0.950, 0.980]", False)
    assert alarms == ("10.0%", "real called fake (30 of 300)\npromised: at most 1.0%", True)
    assert misses == ("5.0%", "fakes called real (15 of 300)\npromised: at most 5.0%", False)
    assert unsure == ("10.8%", "inconclusive\nof 600 images", False)


def test_a_promise_is_not_broken_by_chance():
    table = {"real": {"fake": 4, "real": 296}, "fake": {"fake": 1}}
    assert headlines(0.9, table, 0.01, None)[1] == (
        "1.3%",
        "real called fake (4 of 300)\npromised: at most 1.0%",
        False,
    )
    assert headlines(0.9, table, None, 0.05)[1][1] == "real called fake (4 of 300)"


def test_dashboard_shows_the_key_numbers_and_the_figures():
    figure = full()
    shown = [text for axes in figure.axes for text in texts(axes)]
    assert {"0.965", "10.0%", "5.0%", "10.8%"} <= set(shown)
    titles = " ".join(title(axes) for axes in figure.axes)
    for part in ("between the thresholds", "AUC 0.965", "Calibration error", "45 wrong", "Best"):
        assert part in titles
    width, height = figure.get_size_inches()
    assert width > height


def test_dashboard_shows_calibrated_probabilities_after_temperature():
    (axes,) = [axes for axes in full().axes if "Calibration error" in title(axes)]
    assert line(axes, "before temperature").tolist() == [[0.5, 0.5]]
    after = line(axes, "after")[:, 0]
    assert (after > 0).all() and (after < 1).all() and np.ptp(after) > 0.5


def test_dashboard_names_the_worst_corruptions_first():
    figure = made(corruptions={"unknown": (np.nan, 0.1, 0.1)} | CORRUPTIONS)
    (axes,) = [axes for axes in figure.axes if "Worst of 10" in title(axes)]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == [f"corruption number {number}" for number in (8, 7, 6, 5, 4, 3)]
    assert texts(axes)[:3] == ["0.580", "16.0%", "3.0%"]


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
        corruptions={"JPEG": (1.0, 0.0, np.nan)},
        history=HISTORY[:1],
    )
    assert texts_fit(figure)
    assert "1.000" in [text for axes in figure.axes for text in texts(axes)]
