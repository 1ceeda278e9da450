"""Pictures of many faces, pasted together: one error rate for a picture, however many it shows."""

import numpy as np
import pytest
from PIL import Image

from src.data.faces import Face
from src.detector.calibration import calibrate
from src.detector.detector import Detector

SIZE, ALPHA, COMPOSITES = 32, 0.1, 60


class Tiles:
    """Finds a face in every square of a row of squares."""

    def find(self, image):
        lefts = range(0, image.shape[1], SIZE)
        marks = np.zeros((5, 2), np.float32)
        return [Face((float(left), 0.0, float(SIZE), float(SIZE)), 0.99, marks) for left in lefts]


@pytest.fixture(scope="module")
def faces(make_picture):
    return np.stack([make_picture(90_000 + seed, SIZE, SIZE) for seed in range(2400)])


@pytest.fixture(scope="module")
def known(detector, faces):
    """Return the logits of all, a calibration on the first 400, and what passes for a fake."""
    logits = detector.logits(faces)
    fakes = np.argsort(logits)[-12:]
    # Some fakes that look real keep the two thresholds apart.
    scores = np.concatenate([logits[:400], logits[fakes], logits[400:406]])
    labels = np.repeat([0, 1], [400, 18])
    found = calibrate(
        scores,
        labels,
        ["set"] * 418,
        list(map(str, range(418))),
        max_false_fake=ALPHA,
        max_false_real=0.2,
    )
    return found, fakes


@pytest.fixture(scope="module")
def judged(make_card, tiny_model, known, tmp_path_factory):
    """Return a function that pastes faces together, writes the picture and judges it."""
    found, _ = known
    card = make_card(framing=1.0, calibration=found.to_dict())
    detector, folder = (
        Detector.in_keras(card, tiny_model, Tiles),
        tmp_path_factory.mktemp("composites"),
    )

    def call(rows):
        paths = []
        for number, row in enumerate(rows):
            paths.append(folder / f"{number}.png")
            Image.fromarray(np.concatenate(list(row), axis=1)).save(paths[-1])
        return list(detector.predict_files(paths, 16, "all"))

    return call


@pytest.mark.parametrize("count", range(1, 11))
def test_real_faces_alone_raise_no_more_alarms_in_a_crowd(judged, faces, count):
    rng = np.random.default_rng(count)
    said = judged(faces[400:][rng.integers(0, 2000, (COMPOSITES, count))])
    assert [len(one.faces) for one in said] == [count] * COMPOSITES
    alarms = np.mean([one.verdict == "fake" for one in said])
    assert alarms <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / COMPOSITES)
    naive = np.mean([any(face.verdict == "fake" for face in one.faces) for one in said])
    if count == 10:
        assert naive > 4 * ALPHA, "without control a crowd raises alarms by chance"
    for one in said:
        assert one.p_fake == max(face.p_fake for face in one.faces)


def test_one_fake_in_a_crowd_is_found(judged, faces, known):
    _, fakes = known
    rng = np.random.default_rng(0)
    power = {}
    for count in range(1, 11):
        rows = faces[400:][rng.integers(0, 2000, (COMPOSITES, count))]
        rows[:, rng.integers(count)] = faces[rng.choice(fakes, COMPOSITES)]
        power[count] = float(np.mean([one.verdict == "fake" for one in judged(rows)]))
    print("power by the number of faces:", power)
    assert power[1] == 1.0
    assert min(power.values()) > 0.9
