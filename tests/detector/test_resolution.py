"""The smallest face that may be judged is the smallest at which the promise still holds."""

import numpy as np
import pytest
from PIL import Image

from src.detector import resolution
from src.detector.calibration import calibrate
from src.detector.detector import Detector
from src.detector.prediction import Scores
from src.detector.resolution import learn_smallest

SIZE = 64


class Sharpness(Detector):
    """Calls what is blurred fake: the logit falls with the finest detail of the picture."""

    def __init__(self, card):
        self.card, self.calibration = card, None

    def score(self, images):
        detail = np.abs(np.diff(images.astype(float), axis=2)).mean((1, 2, 3))
        logit = 20 - detail
        return Scores(logit, 1 / (1 + np.exp(-logit)), np.zeros((len(images), 2, 2)), logit)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Return checked pictures, the real ones with more contrast, and their labels."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    paths = []
    for number in range(60):
        contrast = rng.uniform(40, 50) if number < 40 else rng.uniform(2, 5)
        cells = np.kron(np.indices((32, 32)).sum(0) % 2, np.ones((2, 2)))
        grey = 128 + contrast * (cells - 0.5) * 2
        image = np.repeat(grey[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)
        paths.append(folder / f"{number}.png")
        Image.fromarray(image).save(paths[-1])
    return paths, np.repeat([0, 1], [40, 20])


def calibrated(detector, paths, labels):
    logits = [float(detector.score(np.asarray(Image.open(p))[None]).logit[0]) for p in paths]
    return calibrate(np.array(logits), labels, ["set"] * 60, list(map(str, paths)))


def test_the_smallest_side_is_where_the_promise_ends(make_card, pictures):
    paths, labels = pictures
    detector = Sharpness(make_card(image_size=SIZE))
    found = learn_smallest(detector, calibrated(detector, paths, labels), paths, labels, "off")
    sides = [row.side for row in found.resolutions]
    assert sides == sorted(sides, reverse=True)
    assert (sides[0], sides[-1]) == (64, 8)
    assert found.resolutions[0].kept
    assert found.resolutions[0].false_fake <= 1 / 40
    # Checks of two pixels are gone at a quarter of the side: every real picture looks fake.
    gone = [row for row in found.resolutions if row.side <= 16]
    assert all((row.false_fake, row.kept) == (1.0, False) for row in gone)
    assert 16 < found.smallest_side <= 64
    last = sides.index(found.smallest_side)
    assert all(row.kept for row in found.resolutions[: last + 1])
    assert not found.resolutions[last + 1].kept


def test_chance_alone_makes_no_face_too_small():
    """Of 40 images two mistakes are more than the promise, and no reason to doubt it; ten are."""
    logits = np.concatenate([np.linspace(-20, 20, 400), np.linspace(-19, 21, 400)])
    groups = list(map(str, range(800)))
    found = calibrate(logits, np.repeat([0, 1], 400), ["set"] * 800, groups)
    assert found.false_fake.bound < 2 / 40
    labels, columns = np.repeat([0, 1], 40), np.tile(np.repeat([-30.0, 30.0], 40)[:, None], 2)
    columns[:2, 0] = columns[:10, 1] = 30
    rows = resolution._rates(columns, labels, [64, 32], found)
    assert [(row.false_fake, row.kept) for row in rows] == [(2 / 40, True), (10 / 40, False)]


def test_detectors_that_always_and_never_answer(make_card, pictures):
    paths, labels = pictures
    detector = Sharpness(make_card(image_size=SIZE))
    logits = np.concatenate([np.linspace(-20, 20, 40), np.linspace(-19, 21, 20)])
    found = calibrate(logits, labels, ["set"] * 60, list(map(str, paths)))
    detector.score = lambda images: Scores(*[np.full(len(images), -30.0)] * 4)
    only_real = learn_smallest(detector, found, paths, labels, "off")
    assert not only_real.resolutions[0].kept, "every fake is called real"
    assert only_real.smallest_side == SIZE + 1
    detector.score = lambda images: Scores(*[np.zeros(len(images))] * 4)
    silent = learn_smallest(detector, found, paths, labels, "off")
    assert silent.smallest_side == 8


def test_pictures_that_were_smaller_from_the_start_do_not_count(make_card, pictures, tmp_path):
    paths, labels = pictures
    small = []
    for path in paths:
        small.append(tmp_path / path.name)
        Image.open(path).resize((24, 24), Image.Resampling.BOX).save(small[-1])
    detector = Sharpness(make_card(image_size=SIZE))
    found = learn_smallest(detector, calibrated(detector, paths, labels), small, labels, "off")
    assert [(row.false_fake, row.kept) for row in found.resolutions[:3]] == [(0.0, True)] * 3
    # They were judged with all that they have, and the next step down fails.
    assert not found.resolutions[7].kept
    assert found.smallest_side == 24
