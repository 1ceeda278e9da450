import numpy as np
import pytest

from src.report import plots
from tests.report.plots.drawn import labelled, texts, texts_fit, title

TABLE = {
    "real": {"fake": 1, "inconclusive": 3, "real": 16},
    "fake": {"fake": 30, "inconclusive": 8, "real": 2},
}


def test_confusion_shows_counts_and_shares_of_each_row():
    figure = plots.confusion([[30, 10], [0, 60]])
    shown = [text.get_text().split() for text in figure.axes[0].texts]
    assert shown == [["30", "75.0%"], ["10", "25.0%"], ["0", "0.0%"], ["60", "100.0%"]]
    assert texts_fit(figure)


def test_verdicts_are_shares_of_their_class_with_counts():
    figure = plots.verdicts(TABLE)
    (axes,) = figure.axes
    widths, lefts = zip(*((bar.get_width(), bar.get_x()) for bar in axes.patches), strict=True)
    assert widths == pytest.approx((0.05, 0.15, 0.8, 0.75, 0.2, 0.05))
    assert lefts == pytest.approx((0, 0.05, 0.2, 0, 0.75, 0.95))
    assert texts(axes)[:2] == ["fake\n1 (5.0%)", "inconclusive\n3 (15.0%)"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "real\n20 images",
        "fake\n40 images",
    ]
    assert title(axes) == "3 wrong, 11 inconclusive"
    assert labelled(axes) and texts_fit(figure)


def test_verdicts_of_a_class_without_images():
    figure = plots.verdicts({"real": {}, "fake": {"fake": 1234567}})
    assert "fake\n1234567 (100.0%)" in texts(figure.axes[0])
    assert texts_fit(figure)


def threshold_lines(axes):
    return [one.get_xdata()[0] for one in axes.lines]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_scores_show_both_classes_and_the_thresholds():
    labels = np.array([0, 0, 0, 1, 1])
    figure = plots.scores(labels, np.array([-3.0, -2.0, 0.5, 0.0, 4.0]), -1.0, 1.5)
    (axes,) = figure.axes
    assert threshold_lines(axes) == [-1.0, 1.5]
    assert legend(axes) == ["real (3)", "fake (2)", "real < -1.00", "fake > 1.50"]
    assert title(axes) == "40.0% lie between the thresholds"
    for colour in axes.patches[:2]:
        heights = np.diff(colour.get_path().vertices[:, 1])
        # The outline of a histogram goes up and down by what the bins hold: all of the class.
        assert np.abs(heights).sum() == pytest.approx(2)
    assert labelled(axes) and texts_fit(figure)


def test_thresholds_beyond_all_scores_are_in_the_picture():
    (axes,) = plots.scores(np.array([0, 1]), np.array([0.0, 1.0]), -5.0, 9.0).axes
    low, high = axes.get_xlim()
    assert low < -5 and high > 9


def test_equal_thresholds_are_one_line():
    labels = np.array([0, 0, 1, 1])
    (axes,) = plots.scores(labels, np.array([-3.0, 2.0, 0.5, 4.0]), 0.3, 0.3).axes
    assert threshold_lines(axes) == [0.3]
    assert "real < 0.30 < fake" in legend(axes)
    assert title(axes) == "25.0% lie on the wrong side"


@pytest.mark.parametrize("logits", [[0.0, 0.0], [-80.0, 80.0], [700.0, -700.0]])
@pytest.mark.parametrize("thresholds", [(None, None), (0.0, 0.0), (None, 2.0)])
def test_scores_of_one_image_a_class(logits, thresholds):
    figure = plots.scores(np.array([0, 1]), np.array(logits), *thresholds)
    assert len(figure.axes[0].lines) == len(set(thresholds) - {None})
    assert texts_fit(figure)


def test_prevalence_marks_what_a_verdict_is_worth():
    shares = np.array([0.005, 0.01, 0.1, 0.3, 0.5])
    value = np.array([0.2, 0.33, 0.8, 0.9, 0.97])
    figure = plots.prevalence(shares, value, value - 0.1, value + 0.02)
    (axes,) = figure.axes
    assert axes.lines[-1].get_xydata().tolist() == [[0.01, 0.33], [0.1, 0.8], [0.5, 0.97]]
    assert texts(axes) == ["33%", "80%", "97%"]
    assert title(axes) == "At 1% fakes, 33% of alarms are right"
    band = axes.collections[0].get_paths()[0].vertices
    assert [0.1, pytest.approx(0.7)] in band.tolist() and [0.1, 0.8 + 0.02] in band.tolist()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1%", "10%", "50%"]
    assert labelled(axes) and texts_fit(figure)
