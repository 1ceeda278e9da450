import numpy as np
import pytest

from src.report import plots
from tests.report.plots.drawn import labelled, line, texts_fit, title

SHARES = np.linspace(0, 1, 5)


def test_removal_shows_three_maps_with_their_areas():
    deletion = {"evidence": 1 - SHARES, "random": np.full(5, 0.8), "blob": 1 - SHARES / 2}
    insertion = {name: curve[::-1] for name, curve in deletion.items()}
    figure = plots.removal(SHARES, deletion, insertion)
    left, right = figure.axes
    for axes, curves in ((left, deletion), (right, insertion)):
        for name, values in curves.items():
            np.testing.assert_allclose(line(axes, name), np.stack([SHARES, values], axis=1))
        shown = [text.get_text() for text in axes.get_legend().get_texts()]
        assert shown == ["evidence 0.50", "random 0.80", "blob 0.75"]
    assert "low" in left.get_legend().get_title().get_text()
    assert "high" in right.get_legend().get_title().get_text()
    styles = {(one.get_color(), one.get_linestyle()) for one in left.lines}
    assert len({colour for colour, _ in styles}) == len({style for _, style in styles}) == 3
    assert labelled(left) and right.get_xlabel() and texts_fit(figure)


def test_legend_of_removal_hides_no_curve():
    curves = {name: np.ones(5) for name in ("evidence", "random", "blob")}
    figure = plots.removal(SHARES, curves, curves)
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert axes.get_legend().get_window_extent().y0 > axes.transData.transform((0, 1))[1]


@pytest.mark.parametrize("control", [0.06, np.nan])
def test_randomisation_reads_from_top_to_bottom(control):
    stages = ["probability", "hidden", "block1_conv1"]
    figure = plots.randomisation(stages, np.array([0.5, 0.2, -0.3]), control)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    names = {tick.get_text(): tick.get_window_extent().y0 for tick in axes.get_yticklabels()}
    assert sorted(stages, key=lambda stage: -names[stage]) == stages
    assert axes.lines[-1].get_xydata().tolist() == [[0.5, 0], [0.2, 1], [-0.3, 2]]
    dashed = [one.get_xdata()[0] for one in axes.lines if one.get_linestyle() == "--"]
    assert dashed == ([] if np.isnan(control) else [control])
    assert axes.get_xlim()[0] < -0.3
    assert "-0.30" in title(axes)
    assert labelled(axes) and texts_fit(figure)
