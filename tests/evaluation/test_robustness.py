"""Verdicts after changes on a picture's way and under attack, and promises that do not survive."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from src import InputError
from src.data import folders
from src.data.corruptions import CORRUPTIONS
from src.detector import calibration
from src.detector.detector import Detector
from src.detector.prediction import Scores
from src.evaluation import robustness
from src.evaluation.attack import EPSILONS
from src.evaluation.judged import judge
from src.evaluation.robustness import UNCHANGED, attacked, corrupted
from src.report import verdicts


@pytest.fixture(scope="module")
def judged(detector, test_set):
    return judge(detector, folders.scan([test_set]))


@pytest.fixture(scope="module")
def rows(detector, judged):
    return corrupted(judged, detector, "auto", 8)


def test_each_change_has_its_row_after_the_unchanged_images(rows, judged):
    assert [row.name for row in rows] == [UNCHANGED, *CORRUPTIONS]
    assert {row.images for row in rows} == {21}
    assert {sum(row.verdicts.table["real"].values()) for row in rows} == {12}


def test_unchanged_images_keep_the_verdicts_that_they_had(rows, judged):
    first = rows[0]
    assert first.verdicts == verdicts.count(judged.labels, judged.words)
    assert first.accuracy == np.mean((judged.logits >= 0) == judged.labels)
    assert first.broken == ()


def test_a_row_is_what_judging_changed_files_gives(rows, detector, judged, tmp_path):
    change = CORRUPTIONS["quarter size"]
    logits = []
    for number, path in enumerate(judged.paths):
        Image.fromarray(change(np.asarray(Image.open(path)))).save(tmp_path / f"{number}.png")
        logits.append(detector.predict(tmp_path / f"{number}.png").logit)
    (row,) = (row for row in rows if row.name == "quarter size")
    assert row.accuracy == np.mean((np.array(logits) >= 0) == judged.labels)
    words = ["fake" if logit >= 0 else "real" for logit in logits]
    assert row.verdicts == verdicts.count(judged.labels, words)


def test_same_seed_same_rows_of_the_same_sample(detector, judged, monkeypatch):
    monkeypatch.setattr(robustness, "IMAGES", 6)
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"blur": CORRUPTIONS["blur"]})
    runs = [corrupted(replace(judged, seed=n), detector, "auto", 8) for n in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0][0].auc.value != runs[2][0].auc.value
    assert {row.images for row in runs[0]} == {12}


def test_an_image_that_goes_away_meanwhile_is_told(detector, test_set, tmp_path):
    data = shutil.copytree(test_set, tmp_path / "data")
    found = judge(detector, folders.scan([data]))
    (data / "test/fake/03.png").unlink()
    with pytest.raises(InputError, match=r"03\.png.*could be read before"):
        corrupted(found, detector, "auto", 8)


class Sharpness(Detector):
    """Calls fake what has few details, so that a blur makes a fake of everything."""

    def score(self, images):
        steps = np.abs(np.diff(images.astype(float), axis=2)).mean(axis=(1, 2, 3))
        logit = (10 - steps).astype(np.float32)
        nothing = np.zeros((len(images), 4, 4), np.float32)
        return Scores(logit, 1 / (1 + np.exp(-logit.astype(float))), nothing, logit)


@pytest.fixture(scope="module")
def sharp(tmp_path_factory, make_card, tiny_model):
    """Return a calibrated detector of sharpness, and 60 real and 30 fake images."""
    root = tmp_path_factory.mktemp("sharp")
    rng = np.random.default_rng(0)
    for name, noise, count in (("real", 25, 60), ("fake", 5, 30)):
        (root / "test" / name).mkdir(parents=True)
        for number in range(count):
            image = np.clip(rng.normal(128, noise + number / count, (32, 32, 3)), 0, 255)
            Image.fromarray(image.astype(np.uint8)).save(root / f"test/{name}/{number:02}.png")
    samples = folders.scan([root])
    first = judge(Sharpness(make_card(), tiny_model), samples)
    sources = [sample.source for sample in samples]
    found = calibration.calibrate(
        first.logits, first.labels, sources, first.groups, max_false_fake=0.05
    )
    detector = Sharpness(make_card(calibration=found.to_dict()), tiny_model)
    return detector, judge(detector, samples)


def test_promises_are_broken_by_what_makes_real_faces_look_fake(sharp, monkeypatch):
    detector, judged = sharp
    grain = np.random.default_rng(0).normal(0, 40, (32, 32, 3))
    changes = {name: CORRUPTIONS[name] for name in ("blur", "jpeg 90")}
    changes["grain"] = lambda image: np.clip(image + grain, 0, 255).astype(np.uint8)
    monkeypatch.setattr(robustness, "CORRUPTIONS", changes)
    rows = {row.name: row for row in corrupted(judged, detector, "auto", 32)}
    assert rows["blur"].broken == ("false_fake",)
    assert rows["blur"].verdicts.false_fake.value == 1
    assert rows[UNCHANGED].broken == ()
    assert rows[UNCHANGED].accuracy == 1 and rows["blur"].accuracy < 0.5
    assert rows["grain"].broken == ("false_real",)
    assert rows["jpeg 90"].broken == ()


def test_a_rate_above_the_promise_by_chance_breaks_nothing(sharp, monkeypatch):
    """Three of sixty are 5 %, four are more, and only nine are more than chance."""
    detector, judged = sharp
    smooth = np.full((32, 32, 3), 128, np.uint8)
    reals = {Image.open(path).tobytes(): k for k, path in enumerate(judged.paths)}

    def smoothed(many):
        chosen = np.flatnonzero(judged.labels == 0)[:many]
        return lambda image: smooth if reals[image.tobytes()] in chosen else image

    monkeypatch.setattr(robustness, "CORRUPTIONS", {str(k): smoothed(k) for k in (4, 5, 9, 20)})
    rows = {row.name: row for row in corrupted(judged, detector, "auto", 32)}
    assert [rows[str(k)].broken for k in (4, 5)] == [(), ()]
    assert [rows[str(k)].broken for k in (9, 20)] == [("false_fake",), ("false_fake",)]


def test_a_change_that_hides_most_faces_keeps_no_promise_by_that(sharp, monkeypatch):
    detector, judged = sharp
    said, reals = list(judged.predictions), np.flatnonzero(judged.labels == 0)
    for index in reals[:50]:
        said[index] = replace(said[index], verdict="inconclusive", reasons=("no_face",))
    for index in reals[-3:]:
        said[index] = replace(said[index], verdict="fake")
    monkeypatch.setattr(robustness, "judged_again", lambda *_, **__: iter(said))
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"fog": CORRUPTIONS["blur"]})
    _, fog = corrupted(judged, detector, "auto", 32)
    assert (fog.verdicts.false_fake.hits, fog.verdicts.false_fake.total) == (3, 60)
    assert fog.broken == ("false_fake",), "three of ten with a face"


@pytest.fixture(scope="module")
def inputs(judged, detector):
    """Return what the network sees of the images, and what an attacker calls them."""
    from src.evaluation import sight

    images = np.stack([one.inputs[0] for one in sight.see(detector, judged.paths, "off")])
    # The network's own answers are the truth here, so that it is right before the attack.
    return images, (detector.logits(images) >= 0).astype(int), judged.groups


def test_attacks_have_their_rows_and_turn_answers(detector, inputs):
    images, labels, groups = inputs
    before = images.copy()
    rows = {row.name: row for row in attacked(detector, images, labels, groups, seed=0)}
    names = [f"{name} {epsilon}" for name in ("fgsm", "pgd") for epsilon in EPSILONS]
    assert list(rows) == [UNCHANGED, *names]
    assert rows[UNCHANGED].accuracy == rows[UNCHANGED].auc.value == 1
    assert rows["pgd 4"].accuracy < 0.7
    assert rows["pgd 4"].accuracy <= rows["pgd 1"].accuracy
    np.testing.assert_array_equal(images, before)
    assert rows == {row.name: row for row in attacked(detector, images, labels, groups, seed=0)}


def test_attacked_faces_get_verdicts_by_the_thresholds(make_card, tiny_model, inputs):
    images, labels, groups = inputs
    scores = np.where(np.arange(40) % 2, 3.0, -3.0)
    found = calibration.calibrate(
        np.append(scores, [5.0, -5.0]),
        np.append(np.arange(40) % 2, [0, 1]),
        ["set"] * 42,
        [str(number) for number in range(42)],
    )
    detector = Detector.in_keras(make_card(calibration=found.to_dict()), tiny_model)
    first = attacked(detector, images, labels, groups, seed=0)[0]
    logits = detector.logits(images)
    between = (logits >= found.t_real * found.temperature) & (
        logits <= found.t_fake * found.temperature
    )
    assert first.verdicts.inconclusive.hits == between.sum() > 0


def test_rows_are_plain_json(rows):
    read = json.loads(json.dumps([asdict(row) for row in rows], allow_nan=False))
    assert read[0]["name"] == UNCHANGED
    assert read[0]["broken"] == []
    assert set(read[0]["auc"]) == {"value", "low", "high"}
