"""Who is seen when, and what the network says of it."""

import weakref

import numpy as np
import pytest

from src import processor
from src.data import pixels
from src.data.faces import Face
from src.detector.detector import Detector
from src.detector.watching import Frame, watch

LANDMARKS = np.array([[-8, -8], [8, -8], [0, 0], [-7, 9], [7, 9]], np.float32)


class Finder:
    """Finds a face of 40 pixels around each white spot."""

    def find(self, image):
        rows, columns = np.nonzero(image[..., 0] == 255)
        spots = zip(rows.tolist(), columns.tolist(), strict=True)
        return [
            Face(
                (x - 20.0, y - 20.0, 40.0, 40.0),
                1.0,
                LANDMARKS + np.array([x, y], np.float32),
            )
            for y, x in spots
        ]


def frame(time, *spots, cut=False):
    """Return a frame with faces: (120, 240, 3), and the colour of its person around each."""
    image = np.full((120, 240, 3), 90, np.uint8)
    for x, y, colour in spots:
        image[y - 24 : y + 25, x - 24 : x + 25] = colour
        image[y, x] = 255
    return Frame(time, image, cut)


RED, BLUE = (200, 40, 30), (30, 60, 220)


@pytest.fixture
def framed(tiny_model, make_card):
    return Detector.in_keras(make_card(framing=0.5), tiny_model, Finder)


def times(persons):
    return [[one.time for one in person] for person in persons]


def test_each_person_is_followed_and_scored_as_a_still_is(framed):
    frames = [frame(n / 2, (40 + 4 * n, 60, RED), (190, 60, BLUE)) for n in range(6)]
    red, blue = watch(framed, frames, batch_size=5)
    assert times([red, blue]) == [[0, 0.5, 1, 1.5, 2, 2.5]] * 2
    assert [one.box[0] for one in red] == [20, 24, 28, 32, 36, 40]
    for n, one in enumerate(red):
        left, top, width, height = one.region
        assert (width, height) == (80, 80)
        cut = frames[n].image[top : top + height, left : left + width]
        alone = framed.score(pixels.resize(cut, framed.card.image_size)[None])
        assert one.logit == pytest.approx(float(alone.logit[0]), abs=1e-4)
        assert one.p_fake == pytest.approx(float(alone.p_fake[0]), abs=1e-5)
        np.testing.assert_allclose(one.evidence, alone.evidence[0], atol=1e-4)


def test_who_leaves_and_comes_back_elsewhere_is_the_same(framed):
    shown = [(40, 60, RED)], [], [], [], [], [(190, 50, RED)], [(190, 50, RED), (60, 60, BLUE)]
    persons = watch(framed, [frame(n, *spots) for n, spots in enumerate(shown)])
    assert times(persons) == [[0, 5, 6], [6]]


def test_after_a_cut_somebody_else_may_stand_there(framed):
    frames = [frame(0, (60, 60, RED)), frame(1, (60, 60, BLUE), cut=True)]
    assert times(watch(framed, frames)) == [[0], [1]]


def test_without_faces_nobody_is_seen(framed):
    assert watch(framed, [frame(0), frame(1)]) == []
    assert watch(framed, []) == []


def test_where_no_faces_are_looked_for_the_picture_is_the_person(framed, detector):
    for one, faces in ((framed, "off"), (detector, "auto")):
        (whole,) = watch(one, [frame(0, (60, 60, RED)), frame(1)], faces=faces)
        assert [sighting.box for sighting in whole] == [(0, 0, 240, 120)] * 2


def test_only_a_few_frames_are_held_at_a_time(framed):
    pictures, most = [], 0

    class Picture(np.ndarray):
        pass

    def film():
        nonlocal most
        for n in range(150):
            picture = frame(n, (60, 60, RED)).image.view(Picture)
            pictures.append(weakref.ref(picture))
            most = max(most, sum(alive() is not None for alive in pictures))
            yield Frame(n, picture)
            del picture

    (person,) = watch(framed, film(), batch_size=4)
    assert len(person) == 150
    assert most <= processor.threads() + 4
