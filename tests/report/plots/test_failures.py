import os
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from src.report import plots
from src.report.plots.failures import MOST
from tests.report.plots.drawn import labelled, texts, texts_fit, title

NAN = float("nan")
NAMES = ["none", "JPEG quality 30", "costs $5 and $6", os.fsdecode(b"caf\xe9")]


def luminance(colour):
    part = np.asarray(to_rgb(colour))
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def table(values, better, columns=("AUC", "false\nfake")):
    values = np.asarray(values, float)
    return plots.heat_table(
        NAMES[: len(values)], columns, values, "A title", ["{:.3f}", "{:.1%}"], better
    )


def test_heat_table_shows_every_number_and_a_dash_where_there_is_none():
    figure = table([[0.9, 0.01], [0.8, NAN], [0.7, 0.2], [0.6, 0.3]], ["high", "low"])
    (axes,) = figure.axes
    assert texts(axes) == ["0.900", "1.0%", "0.800", "–", "0.700", "20.0%", "0.600", "30.0%"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["AUC", "false\nfake"]
    assert [tick.get_text() for tick in axes.get_yticklabels()][1] == "JPEG quality 30"
    assert texts_fit(figure)


def test_names_of_columns_stand_apart():
    columns = ["reals called\nfake", "fakes called\nreal", "inconclusive", "accuracy"]
    (axes,) = plots.heat_table(
        ["x"], columns, np.ones((1, 4)), "A title", ["{:.1%}"] * 4, [None] * 4
    ).axes
    axes.figure.draw_without_rendering()
    boxes = [tick.label2.get_window_extent() for tick in axes.xaxis.get_major_ticks()]
    assert all(left.x1 + 5 < right.x0 for left, right in pairwise(boxes))


def test_the_worse_the_darker_in_the_direction_of_each_column():
    values = [[1.0, 0.0, 0.9], [0.5, 0.4, 0.1], [0.7, 0.2, 0.5]]
    figure = plots.heat_table(
        NAMES[:3],
        ["a", "b", "c"],
        np.array(values),
        "A title",
        ["{:.1f}"] * 3,
        ["high", "low", None],
    )
    colours = figure.axes[0].images[0].get_array()
    brightness = np.asarray(colours).sum(axis=-1)
    for column in (0, 1):
        assert np.argsort(brightness[:, column]).tolist() == [1, 2, 0]
    assert (colours[0] == 1).all(), "what is perfect is white"
    assert (colours[:, 2] == 1).all(), "a column that is neither good nor bad has no colour"


def test_tiny_faults_stay_pale():
    (axes,) = table([[0.999, 0.0], [0.998, 0.001]], ["high", "low"]).axes
    assert np.asarray(axes.images[0].get_array()).min() > 0.9


def test_text_is_legible_on_every_colour():
    values = np.linspace(0, 1, 40)[:, None]
    figure = plots.heat_table(["x"] * 40, ["a"], values, "A title", ["{:.2f}"], ["low"])
    (axes,) = figure.axes
    for text, colour in zip(axes.texts, axes.images[0].get_array()[:, 0], strict=True):
        darker, lighter = sorted([luminance(text.get_color()), luminance(colour)])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_heat_table_of_nothing_known():
    assert texts(table([[NAN, NAN]], ["high", "low"]).axes[0]) == ["–", "–"]


ROWS = [
    ("below 100 px", 50, 0.2, 0.1, 0.35),
    ("larger", 150, 0.04, 0.02, 0.08),
]


def test_groups_have_dots_and_whiskers_and_the_error_over_all():
    figure = plots.groups(ROWS)
    (axes,) = figure.axes
    dashed, dots = axes.lines
    assert dots.get_xydata().tolist() == [[0.2, 0], [0.04, 1]]
    assert dashed.get_xdata()[0] == pytest.approx(0.08)
    (whiskers,) = axes.collections
    assert [part[:, 0].tolist() for part in whiskers.get_segments()] == [[0.1, 0.35], [0.02, 0.08]]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["below 100 px (50)", "larger (150)"]
    assert title(axes) == "Most errors: below 100 px, 20.0%"
    assert "8.0%" in axes.get_xlabel()
    assert labelled(axes) and texts_fit(figure)


@pytest.mark.parametrize("name", [*NAMES, "a rather long name of a group " * 3])
def test_any_name_can_stand_beside_a_figure(name):
    row = (name, 5, 0.2, 0.1, 0.9)
    figures = [
        plots.groups([row]),
        plots.heat_table([name], ["AUC"], np.ones((1, 1)), f"Worst is {name}", ["{:.1%}"], [None]),
    ]
    assert all(texts_fit(figure) for figure in figures)


def test_of_thousands_of_groups_the_largest_are_drawn(tmp_path):
    """As in a data set with a folder a person."""
    rows = [*ROWS, *((f"person {n}", 1 + n % 7, 0.5, 0.1, 0.9) for n in range(3000))]
    figure = plots.groups(rows)
    plots.save(figure, tmp_path / "groups.png")
    (axes,) = figure.axes
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names[:3] == ["below 100 px (50)", "larger (150)", "person 6 (7)"]
    assert len(names) == MOST
    assert axes.get_ylabel() == f"Group (images); the {MOST} largest of 3002"
    together = np.average([row[2] for row in rows], weights=[row[1] for row in rows])
    assert axes.get_xlabel().endswith(f"dashed: all together, {together:.1%}")


def test_projection_rings_the_wrong_ones():
    points = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0], [4.0, 4.0]])
    labels, wrong = np.array([0, 0, 1, 1]), np.array([False, True, False, False])
    figure = plots.projection(points, labels, wrong)
    (axes,) = figure.axes
    real, fake, rings = axes.collections
    assert real.get_offsets().tolist() == points[:2].tolist()
    assert fake.get_offsets().tolist() == points[2:].tolist()
    assert rings.get_offsets().tolist() == [[1.0, 2.0]]
    assert rings.get_facecolors().size == 0, "a ring does not hide what it marks"
    assert not np.array_equal(real.get_paths()[0].vertices, fake.get_paths()[0].vertices)
    assert title(axes) == "1 of 4 answered wrongly"
    assert labelled(axes) and texts_fit(figure)


def test_projection_of_points_in_one_place():
    figure = plots.projection(np.zeros((2, 2)), np.array([0, 1]), np.array([False, False]))
    assert texts_fit(figure)
