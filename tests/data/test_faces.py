"""Finding faces where they are, and cropping them without making pixels up."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import people
import pytest
from PIL import Image

from src import InputError
from src.data import faces, pixels
from src.data.faces import Face, Finder


def find(image: np.ndarray) -> list[Face]:
    return people.finder().find(np.ascontiguousarray(image))


def background(height: int, width: int) -> np.ndarray:
    """Return a picture without people: (height, width, 3) uint8."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 9, width // 9, 3), np.uint8))
    return np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))


def test_the_astronaut_is_found_with_landmarks_where_they_are():
    (face,) = find(people.astronaut())
    assert people.overlap(face.box, people.FACE) > 0.85
    assert 0.95 < face.score <= 1
    assert face.landmarks.shape == (5, 2) and face.landmarks.dtype == np.float32
    by_eye = [(204, 101), (247, 103), (224, 129), (201, 139), (246, 141)]
    assert np.abs(face.landmarks - by_eye).max() < 4


def test_at_least_95_percent_of_the_drawn_sample_is_found():
    paths = people.drawn(7)
    found = [find(pixels.read(path)) for path in paths]
    assert len(paths) > 100
    assert np.mean([len(faces) == 1 for faces in found]) >= 0.95


def test_several_faces_come_with_the_largest_first():
    image = np.concatenate([people.astronaut(), people.astronaut()[:, ::-1]], axis=1)
    image[380:490, 20:130] = people.head(110)
    found = find(image)
    areas = [face.box[2] * face.box[3] for face in found]
    assert len(found) == 3
    assert areas == sorted(areas, reverse=True)
    assert found[-1].box[0] < 130, "the small head"


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (11, 40), (300, 451)])
def test_where_there_is_nobody_nobody_is_found(shape):
    assert find(np.zeros((*shape, 3), np.uint8)) == []
    if min(shape) > 100:
        assert find(background(*shape)) == []


def test_a_face_that_is_turned_away_is_found_until_it_is_a_profile():
    """A head that turns gets narrow: to 0.4 it is found, from 0.3 on it is not."""

    def narrow(share: float) -> np.ndarray:
        picture = Image.fromarray(people.astronaut())
        return np.array(picture.resize((round(512 * share), 512), Image.Resampling.BICUBIC))

    assert len(find(narrow(0.4))) == 1
    assert find(narrow(0.3)) == []


def test_a_face_of_40_pixels_is_found_in_a_picture_of_1000_and_in_none_of_3000():
    image = background(1000, 1000)
    side = round(40 / 0.39)
    image[500 : 500 + side, 300 : 300 + side] = people.head(side)
    (face,) = find(image)
    assert face.box[2] == pytest.approx(40, abs=5)
    assert find(np.pad(image, ((0, 2000), (0, 0), (0, 0)))) == []


@pytest.mark.parametrize("side", [30, 40, 64])
def test_a_thumbnail_is_large_enough(side):
    (face,) = find(people.head(side))
    assert face.box[2] == pytest.approx(0.39 * side, rel=0.25)


def test_a_face_cut_by_the_border_is_found_while_both_eyes_are_seen():
    image = people.astronaut()
    (half,) = find(image[:, 210:])
    assert half.box[0] < -15, "the box sticks out of the image"
    assert find(image[:, 240:]) == []
    (chin,) = find(image[100:])
    assert chin.box[1] < -15
    assert find(image[:120]) == [], "eyes alone are no face"


def test_a_lying_face_is_not_found():
    assert find(np.rot90(people.astronaut())) == []


def test_threads_share_a_finder():
    images = [people.head(side) for side in range(60, 140, 4)]
    alone = [[face.box for face in find(image)] for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(find, images))
    assert [[face.box for face in found] for found in together] == alone


def test_saved_networks_find_the_same(tmp_path):
    faces.save_networks(tmp_path / "faces")
    assert sorted(p.name for p in (tmp_path / "faces").iterdir()) == [
        "onet.onnx", "pnet.onnx", "rnet.onnx",
    ]  # fmt: skip
    (loaded,) = Finder.from_folder(tmp_path / "faces").find(people.astronaut())
    (built,) = find(people.astronaut())
    assert loaded.box == built.box


def test_broken_or_missing_networks_are_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"pnet\.onnx"):
        Finder.from_folder(tmp_path)
    faces.save_networks(tmp_path)
    (tmp_path / "rnet.onnx").write_bytes(b"not a network")
    with pytest.raises(InputError, match="rnet"):
        Finder.from_folder(tmp_path)


def face_at(left: float, top: float, width: float, height: float) -> Face:
    return Face((left, top, width, height), 1.0, np.zeros((5, 2), np.float32))


def test_a_crop_has_the_framing_that_was_asked_for():
    face = face_at(200, 150, 70, 90)
    assert faces.crop_box((400, 600, 3), face, 0.7) == (185, 145, 100, 100)
    assert faces.framing_of((400, 600, 3), face) == pytest.approx(70 / 600)
    image = background(400, 600)
    crop = faces.crop(image, face, 0.7)
    assert np.array_equal(crop, image[145:245, 185:285])
    crop[:] = 0
    assert image[145:245, 185:285].any(), "a crop is a copy"


def test_a_real_crop_measures_as_it_was_cut():
    image = people.astronaut()
    crop = faces.crop(image, find(image)[0], 0.5)
    (again,) = find(crop)
    assert faces.framing_of(crop.shape, again) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("face", "expected"),
    [
        (face_at(-10, -20, 50, 60), (0, 0, 100, 100)),
        (face_at(560, 370, 50, 60), (500, 300, 100, 100)),
        (face_at(100, 20, 350, 360), (75, 0, 400, 400)),  # the largest square that fits
        (face_at(0, 0, 0.1, 0.1), (0, 0, 1, 1)),
    ],
)
def test_a_crop_stays_inside_the_image(face, expected):
    framing = 0.5
    assert faces.crop_box((400, 600, 3), face, framing) == expected
    assert faces.crop(background(400, 600), face, framing).shape == (*expected[2:], 3)


@pytest.mark.parametrize("framing", [0, -1, 1.01, float("nan")])
def test_a_framing_out_of_range_is_refused(framing):
    with pytest.raises(InputError, match="framing"):
        faces.crop_box((400, 600), face_at(0, 0, 10, 10), framing)


def test_the_largest_face_that_can_be_blended_is_taken():
    class Found:
        def __init__(self, *landmarks):
            self.landmarks = landmarks

        def find(self, image):
            return [Face((0, 0, 9, 9), 1.0, landmarks) for landmarks in self.landmarks]

    image, flat = np.zeros((9, 9, 3), np.uint8), np.full((5, 2), 30, np.float32)
    good = np.float32([[70, 60], [110, 62], [91, 82], [74, 104], [108, 106]])
    assert faces.landmarks_of(image, Found(flat, good, good + 9)) is good
    assert faces.landmarks_of(image, Found(flat)) is None
    assert faces.landmarks_of(image, Found()) is None
