import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from src.report import plots
from tests.report.plots.drawn import labelled, line, texts_fit, title

TINY = {
    "all equal": ([0, 1], [0.5, 0.5]),
    "saturated": ([0, 1], [0.0, 1.0]),
    "saturated and wrong": ([0, 1], [1.0, 0.0]),
}


def scored(count=200):
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    # Two digits, so that there are ties.
    return labels, np.round(np.clip(rng.normal(0.35 + 0.3 * labels, 0.2), 0, 1), 2)


def test_roc_runs_from_corner_to_corner():
    labels, p_fake = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    figure = plots.roc(labels, p_fake, "0.750")
    curve = figure.axes[0].lines[-1].get_xydata()
    assert curve[0].tolist() == [0, 0]
    assert curve[-1].tolist() == [1, 1]
    assert [0, 0.5] in curve.tolist(), "half of the fakes are found before the first false alarm"
    assert "0.750" in figure.axes[0].get_title(loc="left")
    assert texts_fit(figure)


def test_area_under_the_precision_recall_curve_is_the_average_precision():
    labels, p_fake = scored()
    figure = plots.precision_recall(labels, p_fake, "0.812 [0.750, 0.900]")
    (axes,) = figure.axes
    recall, precision = axes.lines[-1].get_xydata().T
    area = -np.sum(np.diff(recall) * precision[:-1])
    assert area == pytest.approx(average_precision_score(labels, p_fake))
    assert axes.lines[-1].get_drawstyle() == "steps-post"
    assert list(axes.lines[0].get_ydata()) == [0.5, 0.5], "chance is the share of fakes"
    assert "0.812" in title(axes) and labelled(axes) and texts_fit(figure)


def test_thresholds_show_what_calling_fake_from_there_on_gives():
    labels, p_fake = scored()
    figure = plots.thresholds(labels, p_fake)
    (axes,) = figure.axes
    for name, score in (
        ("precision", precision_score),
        ("recall", recall_score),
        ("F1", f1_score),
    ):
        limits, values = line(axes, name).T
        for limit in (0.2, 0.505, 0.7):
            # The value up to the next limit is drawn from the limit before.
            value = values[np.searchsorted(limits, limit)]
            assert value == pytest.approx(score(labels, p_fake >= limit)), (name, limit)
    best = max(f1_score(labels, p_fake >= limit) for limit in np.unique(p_fake))
    assert f"{best:.3f}" in title(axes)
    assert labelled(axes) and texts_fit(figure)


def test_above_the_largest_score_no_fake_is_found():
    (axes,) = plots.thresholds(np.array([0, 1]), np.array([0.2, 0.6])).axes
    assert line(axes, "recall")[-1].tolist() == [1.0, 0.0]
    assert np.isnan(line(axes, "precision")[-1, 1]), "the precision of nothing is not known"


@pytest.mark.parametrize("case", TINY)
def test_one_image_a_class(case):
    labels, p_fake = map(np.array, TINY[case])
    for figure in (
        plots.roc(labels, p_fake, 0.5),
        plots.precision_recall(labels, p_fake, 0.5),
        plots.thresholds(labels, p_fake),
    ):
        assert texts_fit(figure)
        assert all(np.isfinite(axes.lines[-1].get_ydata()).any() for axes in figure.axes)


def test_best_threshold_is_a_score_that_occurs():
    (axes,) = plots.thresholds(np.array([0, 1]), np.array([0.5, 0.5])).axes
    assert "0.667" in title(axes) and "0.50" in title(axes)
