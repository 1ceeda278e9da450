import os

import numpy as np
import pytest

from src.report import plots
from tests.report.plots.drawn import texts_fit, written


def whole(image, heat):
    """Return the argument for one heatmap that covers the image."""
    return [(np.asarray(heat, np.float32), (0, 0, image.shape[1], image.shape[0]))]


@pytest.mark.parametrize("size", [(60, 60), (256, 256), (401, 299), (57, 29), (1000, 643)])
def test_image_keeps_every_pixel(size, tmp_path, make_picture):
    width, height = size
    image = make_picture(0, width, height)
    figure = plots.overlay(image, whole(image, np.zeros((10, 10))), "name", "evidence")
    drawn = written(figure, tmp_path / "x.png")
    assert (figure.get_size_inches() * figure.dpi).tolist() == [drawn.shape[1], drawn.shape[0]]
    # Below the title, on the left: the first row that holds the image.
    tops = [
        top
        for top in range(drawn.shape[0] - height + 1)
        if np.array_equal(drawn[top : top + height, :width], image)
    ]
    assert len(tops) == 1


@pytest.mark.parametrize("size", [(1, 1), (60, 60), (3, 500), (500, 3), (256, 256), (1400, 900)])
@pytest.mark.parametrize("name", ["a.jpg", "a_rather_long_name_" * 6 + ".jpg"])
def test_no_text_is_cut_off_or_lies_on_the_image(size, name):
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    title = f"{name}: inconclusive, p_fake 0.512"
    figure = plots.overlay(image, whole(image, np.ones((10, 10))), title, "evidence for fake")
    assert texts_fit(figure)
    (painted,) = figure.images
    assert figure.texts[0].get_window_extent().y0 >= painted.oy + height
    assert all(axes.get_tightbbox().x0 >= width for axes in figure.axes)


def test_blend_changes_pixels_only_where_there_is_heat():
    image = np.full((40, 60, 3), 128, np.uint8)
    heat = np.zeros((4, 6), np.float32)
    np.testing.assert_array_equal(plots.blend(image, whole(image, heat)), image)
    heat[:, :2] = 1.0
    painted = plots.blend(image, whole(image, heat))
    np.testing.assert_array_equal(painted[:, 45:], image[:, 45:])
    assert (painted[:, :15] != image[:, :15]).any(axis=-1).all()


def test_heat_lies_where_the_evidence_is():
    image = np.zeros((90, 120, 3), np.uint8)
    heat = np.zeros((3, 4), np.float32)
    heat[0, 3] = 1.0
    bright = plots.blend(image, whole(image, heat)).sum(axis=-1)
    assert np.unravel_index(bright.argmax(), bright.shape) > (0, 90)
    assert bright[:30, 90:].mean() > 10 * bright[45:, :75].mean()


def test_heat_of_a_face_stays_in_its_box_which_has_an_outline():
    image = np.full((100, 100, 3), 128, np.uint8)
    painted = plots.blend(image, [(np.ones((2, 2), np.float32), (10, 20, 30, 40))])
    changed = (painted != image).any(axis=-1)
    assert changed[20:60, 10:40].all()
    assert changed.sum() == 30 * 40
    assert (painted[20, 10:40] == 255).all() and (painted[20:60, 39] == 255).all()
    assert (painted[22:58, 12:38] != 255).any(axis=-1).all()


def test_image_beyond_the_renderers_limit(tmp_path):
    image = np.zeros((2, 70_000, 3), np.uint8)
    figure = plots.overlay(image, whole(image, np.ones((2, 2))), "wide", "evidence")
    assert written(figure, tmp_path / "x.png").shape[1] < 65_536


def test_name_that_is_no_text(tmp_path):
    image = np.zeros((9, 9, 3), np.uint8)
    heats = whole(image, np.ones((2, 2)))
    figure = plots.overlay(image, heats, os.fsdecode(b"caf\xe9 $x"), "evidence")
    written(figure, tmp_path / "x.png")
