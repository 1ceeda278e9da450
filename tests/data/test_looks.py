"""Who looks like whom."""

import films
import numpy as np
import people

from src.data import looks
from src.data.tracks import ALIKE


def seen(seed: int, left: int, top: int, side: int, light: float = 1.0) -> np.ndarray:
    """Describe a drawn person in a frame."""
    frame = (films.composed((seed, left, top, side)) * light).astype(np.uint8)
    (face,) = people.finder().find(frame)
    return looks.describe(frame, face)


def test_a_person_looks_like_itself_in_another_place_size_and_light():
    for seed in (1, 2, 3):
        before, after = seen(seed, 10, 10, 130), seen(seed, 230, 60, 170, light=0.9)
        assert looks.alike(before, before) == np.float32(1) or abs(before @ before - 1) < 1e-5
        assert looks.alike(before, after) > ALIKE


def test_others_look_less_like_it():
    persons = [seen(seed, 10, 10, 130) for seed in (1, 2, 3, 4, 5)]
    again = [seen(seed, 220, 60, 160) for seed in (1, 2, 3, 4, 5)]
    found = np.array([[looks.alike(one, other) for other in again] for one in persons])
    assert (found.argmax(axis=1) == np.arange(5)).all(), found.round(2)


def test_a_face_at_the_edge_can_be_described():
    frame = films.composed((1, 10, 10, 130))
    (face,) = people.finder().find(frame)
    cut = frame[:, round(face.box[0] + face.box[2] / 3) :]
    moved = type(face)((-face.box[2] / 3, *face.box[1:]), face.score, face.landmarks)
    assert np.isfinite(looks.describe(np.ascontiguousarray(cut), moved)).all()
