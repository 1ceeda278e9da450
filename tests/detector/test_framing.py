"""Which part of an image is judged. Faces are made up here; tests/data/test_faces.py finds some."""

import numpy as np
import pytest
from PIL import Image

from src import InputError
from src.data.faces import Face
from src.detector import framing
from src.detector.framing import Framing

WHOLE = (0, 0, 100, 100)


class Found:
    """A finder that has found these boxes in whatever image."""

    def __init__(self, *boxes):
        self.boxes = boxes

    def find(self, image):
        return [Face(box, 0.99, np.zeros((5, 2), np.float32)) for box in self.boxes]


def boxes(faces, *found, share=0.5, shape=(100, 100, 3)):
    views = Framing(share, faces, Found(*found)).views(np.zeros(shape, np.uint8))
    return [view.box for view in views]


def test_an_image_that_is_framed_as_in_training_is_left_alone():
    for width in (41, 50, 62):
        assert boxes("auto", (20, 20, width, 60)) == [WHOLE]
        assert boxes("largest", (20, 20, width, 60)) == [WHOLE]
    assert boxes("all", (25, 25, 41, 60)) == [(4, 14, 82, 82)]


def test_a_face_in_a_photograph_is_cut_out_to_the_framing_of_training():
    assert boxes("auto", (40, 30, 20, 20)) == [(30, 20, 40, 40)]
    assert boxes("largest", (40, 30, 20, 20), (0, 0, 10, 10)) == [(30, 20, 40, 40)]


def test_every_face_is_judged_the_largest_first():
    assert boxes("auto", (40, 30, 20, 20), (0, 0, 10, 10)) == [(30, 20, 40, 40), (0, 0, 20, 20)]
    assert boxes("auto", (25, 25, 50, 60), (0, 0, 10, 10)) == [WHOLE, (0, 0, 20, 20)]


def test_a_frame_that_is_no_square_is_not_squeezed_into_one():
    ((left, top, width, height),) = boxes("auto", (60, 20, 100, 60), shape=(100, 200, 3))
    assert (left, top, width, height) == (60, 0, 100, 100)


def test_an_image_without_a_face_says_so():
    (view,) = Framing(0.5, "auto", Found()).views(np.zeros((100, 100, 3), np.uint8))
    assert (view.box, view.face, view.reasons) == (WHOLE, None, ("no_face",))


@pytest.mark.parametrize(("share", "faces"), [(0.5, "off"), (None, "auto")])
def test_the_whole_image_is_the_face_where_none_is_looked_for(share, faces):
    (view,) = Framing(share, faces).views(np.zeros((80, 100, 3), np.uint8))
    assert (view.box, view.face, view.reasons) == ((0, 0, 100, 80), None, ())


def test_a_detector_without_framing_cannot_cut_out_faces():
    framing.require("auto", None)
    framing.require("all", 0.7)
    with pytest.raises(InputError, match="trained on whole images"):
        framing.require("all", None)
    with pytest.raises(InputError, match="auto, largest, all, off"):
        framing.require("some", 0.7)


def test_measured_framing_is_the_median_over_images_with_a_face(tmp_path):
    class ByHeight:
        def find(self, image):
            width = image.shape[0]
            return Found((0, 0, width, width)).find(image) if width < 90 else []

    paths = [tmp_path / f"{height}.png" for height in (30, 60, 80, 90)]
    for path in paths:
        Image.new("RGB", (100, int(path.stem))).save(path)
    broken = tmp_path / "broken.png"
    broken.write_text("")
    measured = framing.measure_framing([*paths, broken], ByHeight())
    assert measured == framing.Measured(share=0.6, images=4, with_face=3)
    assert framing.measure_framing(paths[2:] + paths[3:], ByHeight()).share is None


def test_a_view_is_cut_from_the_image(make_picture):
    image = make_picture(0, 100, 80)
    (view,) = Framing(0.5, "all", Found((40, 30, 20, 20))).views(image)
    np.testing.assert_array_equal(view.cut(image), image[20:60, 30:70])
