"""A result a data set: what was said, what follows from it, and what of it cannot be measured."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from src.auditing import content, facts
from src.data import folders, pixels
from src.data.equalize import equalize
from src.detector import calibration
from src.detector.detector import Detector
from src.evaluation import promise, results
from src.evaluation.judged import judge
from src.evaluation.results import Evaluation


def measured(detector, samples, faces="auto"):
    judged = judge(detector, samples, faces=faces)
    known = facts.measure([sample.path for sample in judged.samples])
    again = results.equalized(judged, detector, faces, batch_size=4)
    return results.measure("my set", judged, detector, known, again)


@pytest.fixture(scope="module")
def samples(test_set):
    return folders.scan([test_set])


@pytest.fixture(scope="module")
def plain(detector, samples):
    return measured(detector, samples)


@pytest.fixture(scope="module")
def calibrated(make_card, tiny_model):
    """Return a detector whose logits are divided by some temperature."""
    labels = np.arange(200) % 2
    logits = np.random.default_rng(0).normal(6 * labels - 3, 4)
    groups = [str(number) for number in range(200)]
    found = calibration.calibrate(logits, labels, ["set"] * 200, groups)
    assert not 0.8 < found.temperature < 1.2
    return Detector.in_keras(make_card(calibration=found.to_dict()), tiny_model)


def test_the_numbers_are_those_of_the_answers(plain, detector, samples):
    p_fake = [detector.predict(sample.path).p_fake for sample in samples]
    labels = [sample.label for sample in samples]
    assert plain.metrics.auc.value == pytest.approx(roc_auc_score(labels, p_fake), abs=0.01)
    read = plain.to_dict()
    assert (read["images"], read["real"], read["fake"]) == (21, 12, 9)
    assert (read["groups"], read["unreadable"], read["no_face"]) == (21, 0, 0)
    assert read["log_loss"]["value"] == pytest.approx(log_loss(labels, p_fake), abs=1e-4)
    assert read["verdicts"]["true_fake"]["total"] == 9
    assert read["uncertainty"]["sentence"] == plain.uncertainty.sentence


def test_frames_of_one_video_are_one_face_that_was_judged(detector, samples, plain):
    frames = [replace(s, group=f"{s.label}/{i % 3}") for i, s in enumerate(samples)]
    found = measured(detector, frames)
    assert found.to_dict()["groups"] == 6
    assert (found.verdicts.false_fake.total, found.verdicts.false_real.total) == (3, 3)
    assert found.verdicts.table == plain.verdicts.table
    wide, narrow = found.metrics.brier, plain.metrics.brier
    assert wide.value == narrow.value and wide != narrow
    assert found.uncertainty.overconfidence != plain.uncertainty.overconfidence


def test_what_a_detector_was_not_trained_for_is_not_measured(plain):
    read = plain.to_dict()
    for name in ("without_temperature", "baseline", "baseline_inside", "equalized"):
        assert read[name] is None, name


def test_temperature_is_undone_for_comparison(calibrated, samples):
    found = measured(calibrated, samples)
    labels, logits = found.judged.labels, found.judged.logits
    raw = 1 / (1 + np.exp(-logits.astype(float)))
    assert found.untempered.log_loss.value == pytest.approx(log_loss(labels, raw))
    assert found.metrics.log_loss.value == pytest.approx(log_loss(labels, found.judged.p_fake))
    assert found.untempered.log_loss.value != pytest.approx(found.metrics.log_loss.value, rel=0.01)
    assert found.untempered.auc == found.metrics.auc
    assert found.to_dict()["without_temperature"]["log_loss"] == asdict(found.untempered.log_loss)


def test_an_equalising_detector_is_measured_on_equalised_images(make_card, tiny_model, samples):
    detector = Detector.in_keras(
        make_card(data={"equalized": {"size": 48, "quality": 90}}), tiny_model
    )
    found = measured(detector, samples, faces="off")
    images = np.stack([equalize(pixels.read(sample.path), 32, side=48) for sample in samples])
    p_fake = detector.score(images).p_fake
    assert found.equalized.brier.value == pytest.approx(
        np.mean((p_fake - found.judged.labels) ** 2), abs=1e-5
    )
    assert found.equalized.brier.value != pytest.approx(found.metrics.brier.value, abs=1e-5)


def test_the_baseline_of_the_training_images_is_held_against_these(make_card, tiny_model, samples):
    """A model that calls bright images fake, as the card has it."""
    model = content.Baseline([[0.0, 1.0]] * 2 + [[0.0, 255.0]] + [[0.0, 1.0]] * 3,
                              [[0.0]] * 2 + [[2.0]] + [[0.0]] * 3, -1.0)  # fmt: skip
    detector = Detector.in_keras(make_card(data={"audit": {"baseline": asdict(model)}}), tiny_model)
    found = measured(detector, samples)
    brightness = [np.mean(np.asarray(pixels.read(s.path)) @ [0.299, 0.587, 0.114]) for s in samples]
    labels = [sample.label for sample in samples]
    assert found.baseline.auc.value == pytest.approx(roc_auc_score(labels, brightness), abs=0.02)
    p_fake = 1 / (1 + np.exp(1 - 2 * np.array(brightness) / 255))
    assert found.baseline.brier.value == pytest.approx(np.mean((p_fake - labels) ** 2), abs=1e-3)


@pytest.mark.parametrize("flat", [True, False])
def test_how_easy_a_set_is_by_itself(detector, samples, flat):
    """Ten of each class are needed; brightness tells them apart, or nothing does."""
    few = measured(detector, samples)
    assert few.baseline_inside is None
    many = samples + [sample for sample in samples if sample.label][:3]
    judged = judge(detector, many)
    known = facts.measure([sample.path for sample in many])
    known.content[:] = 0 if flat else judged.labels[:, None] * 100.0
    inside = results.measure("easy", judged, detector, known).baseline_inside
    assert inside.value == (0.5 if flat else 1.0)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_verdicts_and_nothing_that_needs_two(detector, samples, label):
    found = measured(detector, [sample for sample in samples if sample.label == label])
    for name in ("metrics", "uncertainty", "baseline", "baseline_inside", "equalized"):
        assert getattr(found, name) is None, name
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert "auc" not in read
    assert (read["real"], read["fake"]) == ((12, 0), (0, 9))[label]
    missing, there = (("false_real", "false_fake"), ("false_fake", "false_real"))[label]
    assert read["verdicts"][missing] is None
    assert read["verdicts"][there]["total"] == len(found.judged.labels)


def test_files_that_cannot_be_read_are_counted(detector, test_set, tmp_path):
    root = shutil.copytree(test_set, tmp_path / "data")
    (root / "test/fake/03.png").write_text("no image")
    read = measured(detector, folders.scan([root])).to_dict()
    assert (read["images"], read["fake"], read["unreadable"]) == (20, 8, 1)


def test_images_without_a_face_are_counted(make_card, tiny_model, samples):
    class Nothing:
        def find(self, image):
            return []

    read = measured(
        Detector.in_keras(make_card(framing=0.5), tiny_model, Nothing), samples
    ).to_dict()
    assert read["no_face"] == 21
    assert read["verdicts"]["inconclusive"]["value"] == 1


def test_an_evaluation_is_plain_json_with_the_whole_first(calibrated, samples):
    whole = measured(calibrated, samples)
    found = Evaluation(
        calibrated.card,
        ("keras", "float32"),
        "test",
        whole,
        [whole],
        calibrated.calibration,
        kept=promise.kept(calibrated.calibration, promise.realised(whole.judged)),
    )
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert read["detector"]["calibrated"] and read["split"] == "test"
    assert read["auc"] == read["sets"][0]["auc"]
    assert read["promise"]["this_set"]["false_fake"]["realised"]["total"] == 12
    assert read["promise"]["divisions"] == {}
    assert (read["robustness"], read["attacks"], read["explanations"]) == ([], [], None)
