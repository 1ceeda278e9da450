import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from src.intervals import Estimate
from src.report import metrics, plots
from src.report.metrics import BINS
from tests.report.plots.drawn import labelled, line, texts_fit, title

AREA = Estimate(0.75, 0.7, 0.8)
TINY = {
    "all equal": ([0, 1], [0.5, 0.5]),
    "saturated": ([0, 1], [0.0, 1.0]),
    "saturated and wrong": ([0, 1], [1.0, 0.0]),
}


def tied(count=200):
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    # Two digits, so that there are ties.
    return labels, np.round(np.clip(rng.normal(0.35 + 0.3 * labels, 0.2), 0, 1), 2)


def test_roc_runs_from_corner_to_corner():
    labels, p_fake = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    figure = plots.roc(labels, p_fake, AREA)
    curve = figure.axes[0].lines[-1].get_xydata()
    assert curve[0].tolist() == [0, 0]
    assert curve[-1].tolist() == [1, 1]
    assert [0, 0.5] in curve.tolist(), "half of the fakes are found before the first false alarm"
    assert "AUC 0.750 [0.700, 0.800]" in figure.axes[0].get_title(loc="left")
    assert texts_fit(figure)


def test_area_under_the_precision_recall_curve_is_the_average_precision():
    labels, p_fake = tied()
    figure = plots.precision_recall(labels, p_fake, AREA)
    (axes,) = figure.axes
    recall, precision = axes.lines[-1].get_xydata().T
    area = -np.sum(np.diff(recall) * precision[:-1])
    assert area == pytest.approx(average_precision_score(labels, p_fake))
    assert axes.lines[-1].get_drawstyle() == "steps-post"
    assert list(axes.lines[0].get_ydata()) == [0.5, 0.5], "chance is the share of fakes"
    assert "0.750" in title(axes) and labelled(axes) and texts_fit(figure)


def test_thresholds_show_what_calling_fake_from_there_on_gives():
    labels, p_fake = tied()
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
        plots.roc(labels, p_fake, AREA),
        plots.precision_recall(labels, p_fake, AREA),
        plots.thresholds(labels, p_fake),
    ):
        assert texts_fit(figure)
        assert all(np.isfinite(axes.lines[-1].get_ydata()).any() for axes in figure.axes)


def test_best_threshold_is_a_score_that_occurs():
    (axes,) = plots.thresholds(np.array([0, 1]), np.array([0.5, 0.5])).axes
    assert "0.667" in title(axes) and "0.50" in title(axes)


def scored(count):
    rng = np.random.default_rng(0)
    p_fake = rng.uniform(0, 1, count)
    return (rng.uniform(0, 1, count) < p_fake**2).astype(int), p_fake


def test_reliability_agrees_with_scikit_learn_and_with_the_metrics():
    labels, p_fake = scored(30 * BINS)
    sharper = p_fake**2
    figure = plots.reliability(labels, p_fake, sharper)
    upper, lower = figure.axes
    for name, values in (("before temperature", p_fake), ("after", sharper)):
        fakes, mean = calibration_curve(labels, values, n_bins=BINS, strategy="quantile")
        np.testing.assert_allclose(line(upper, name), np.stack([mean, fakes], axis=1))
    errors = [metrics.measure(labels, values).ece_mass.value for values in (p_fake, sharper)]
    assert title(upper) == f"Calibration error {errors[0]:.3f} → {errors[1]:.3f}"
    assert upper.get_ylabel() and labelled(lower) and texts_fit(figure)


def test_histogram_below_counts_every_image_of_the_final_scores():
    upper, lower = plots.reliability(np.array([0, 0, 1]), np.array([0.1, 0.3, 0.5]), None).axes
    heights = [bar.get_height() for bar in lower.patches]
    assert sum(heights) == 3
    assert "before temperature" not in [text.get_text() for text in upper.get_legend().get_texts()]


def test_equal_scores_share_a_bin():
    labels = np.array([0, 1] * 20)
    (upper, _) = plots.reliability(labels, np.full(40, 0.5), None).axes
    assert line(upper, "measured").tolist() == [[0.5, 0.5]]
    assert title(upper) == "Calibration error 0.000"


@pytest.mark.parametrize("p_fake", [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
def test_reliability_of_one_image_a_class(p_fake):
    figure = plots.reliability(np.array([0, 1]), np.array(p_fake), np.array(p_fake))
    assert texts_fit(figure)


def test_risk_holds_until_the_next_image_is_answered():
    coverage, risk = np.array([0.25, 0.5, 0.75, 1.0]), np.array([0.0, 0.5, 1 / 3, 0.25])
    figure = plots.risk_coverage(coverage, risk, Estimate(0.2708, 0.1, 0.4))
    (axes,) = figure.axes
    curve = axes.lines[0]
    assert curve.get_xydata().tolist() == np.stack([coverage, risk], axis=1).tolist()
    assert curve.get_drawstyle() == "steps-post"
    assert title(axes) == "25.0% wrong in all, AURC 0.271 [0.100, 0.400]"
    assert labelled(axes) and texts_fit(figure)


def test_risk_of_a_single_right_answer_is_drawn():
    figure = plots.risk_coverage(np.array([1.0]), np.array([0.0]), Estimate(0.0, 0.0, 0.0))
    assert texts_fit(figure)
    assert figure.axes[0].get_ylim()[1] > 0


def test_entropy_compares_right_with_wrong():
    figure = plots.entropy(np.array([0.1, 0.2, 0.4]), np.array([0.9]))
    (axes,) = figure.axes
    assert title(axes) == "Median 0.90 bits if wrong, 0.20 if right"
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown == ["right (3)", "wrong (1)"]
    for outline, bins in zip(axes.patches, (3, 1), strict=True):
        points = outline.get_path().vertices
        assert points[:, 1].max() == pytest.approx(1 / bins)
    assert labelled(axes) and texts_fit(figure)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [([0.0, 1.0], [], "None of 2 answers is wrong"), ([], [1.0], "All 1 answers are wrong")],
)
def test_entropy_without_one_kind_of_answer(right, wrong, expected):
    figure = plots.entropy(np.array(right), np.array(wrong))
    assert title(figure.axes[0]) == expected
    assert texts_fit(figure)
