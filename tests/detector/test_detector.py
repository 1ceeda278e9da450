import hashlib
import threading

import numpy as np
import pytest
import tiny
from PIL import Image

from src import InputError
from src.data import pixels
from src.data.equalize import equalize
from src.data.faces import Face
from src.data.pixels import ImageError
from src.detector import network
from src.detector.detector import Detector
from src.detector.prediction import Failure, Prediction


def test_bytes_and_floats_score_the_same(detector, make_picture):
    images = np.stack([make_picture(seed, 32, 32) for seed in range(3)])
    as_bytes, as_floats = detector.score(images), detector.score(images.astype(np.float32))
    np.testing.assert_array_equal(as_bytes.logit, as_floats.logit)
    np.testing.assert_array_equal(as_bytes.evidence, as_floats.evidence)


def test_scores_fit_together(detector, make_picture):
    scores = detector.score(np.stack([make_picture(seed, 32, 32) for seed in range(3)]))
    assert (scores.logit.dtype, scores.evidence.dtype) == (np.float32, np.float32)
    assert scores.p_fake.dtype == np.float64
    assert scores.evidence.shape == (3, 4, 4)
    np.testing.assert_allclose(
        scores.evidence.sum((1, 2)) + scores.bias, scores.logit, rtol=1e-4, atol=1e-4
    )


def test_who_keeps_what_is_said_of_one_image_keeps_no_batch(detector, make_picture):
    images = [make_picture(seed, 32, 32) for seed in range(3)]
    outputs, scores = detector.outputs(images), detector.score(np.stack(images))
    assert all(one.evidence.base is None for one in outputs)
    np.testing.assert_array_equal([one.evidence for one in outputs], scores.evidence)
    assert [one.logit for one in outputs] == scores.logit.tolist()
    assert [one.bias for one in outputs] == scores.bias.tolist()


@pytest.mark.parametrize(("logit", "p_fake"), [(-2000.0, 0.0), (2000.0, 1.0), (0.0, 0.5)])
def test_extreme_logits_give_probabilities(make_card, logit, p_fake):
    model = constant(logit)
    with np.errstate(all="raise"):
        scores = Detector.in_keras(make_card(), model).score(np.zeros((1, 32, 32, 3), np.uint8))
    assert scores.p_fake.tolist() == [p_fake]


def test_damaged_weights_are_an_error_and_never_a_verdict(make_card, photos):
    damaged = Detector.in_keras(make_card(), constant(np.nan))
    with pytest.raises(InputError, match="damaged"):
        damaged.predict(photos[0])
    with pytest.raises(InputError, match="gives nan where") as told:
        damaged.score(np.zeros((40, 32, 32, 3), np.uint8))
    assert "\n" not in str(told.value)


def constant(logit):
    model = network.build(tiny.NAME, image_size=32)
    last = model.get_layer(network.LOGIT)
    last.kernel.assign(np.zeros(last.kernel.shape))
    last.bias.assign([logit])
    return model


def test_one_file(detector, photos):
    judged = detector.predict(photos[1])
    assert judged.path == str(photos[1])
    assert judged.sha256 == hashlib.sha256(photos[1].read_bytes()).hexdigest()
    assert judged.verdict == ("fake" if judged.p_fake >= 0.5 else "real")
    assert detector.predict(str(photos[1])) == judged


def test_one_bad_file_raises(detector, tmp_path):
    with pytest.raises(ImageError, match="missing"):
        detector.predict(tmp_path / "missing.png")


def test_files_are_read_no_further_ahead_than_one_batch(detector, photos, monkeypatch):
    """A million files must not pile up in memory."""
    read, lock = [], threading.Lock()
    original = detector._read

    def counted(path, **how):
        with lock:
            read.append(path)
        return original(path, **how)

    monkeypatch.setattr(detector, "_read", counted)
    results = detector.predict_files([photos[0]] * 12, batch_size=2)
    next(results)
    assert len(read) <= 4
    assert len(list(results)) == 11
    assert len(read) == 12


class Found:
    """A finder that has found these boxes in whatever image."""

    def __init__(self, *boxes):
        self.boxes = boxes

    def find(self, image):
        return [Face(box, 0.99, np.zeros((5, 2), np.float32)) for box in self.boxes]


def test_every_face_is_judged_as_the_network_sees_it(make_card, tiny_model, make_picture, tmp_path):
    image = make_picture(3, 100, 80)
    Image.fromarray(image).save(tmp_path / "two.png")
    boxes = (40.0, 30.0, 20.0, 20.0), (10.0, 10.0, 8.0, 8.0)
    framed = Detector.in_keras(make_card(framing=0.5), tiny_model, lambda: Found(*boxes))
    judged = framed.predict(tmp_path / "two.png")
    crops = [image[20:60, 30:70], image[6:22, 6:22]]
    scores = framed.score(np.stack([pixels.resize(crop, 32) for crop in crops]))
    assert [face.box for face in judged.faces] == list(boxes)
    assert [face.logit for face in judged.faces] == pytest.approx(scores.logit.tolist(), abs=1e-4)
    assert judged.p_fake == max(face.p_fake for face in judged.faces)
    assert judged.verdict == ("fake" if judged.p_fake >= 0.5 else "real")
    (only,) = framed.predict_files([tmp_path / "two.png"], faces="largest")
    assert [face.box for face in only.faces] == [boxes[0]]


def test_more_faces_than_a_batch_holds(make_card, tiny_model, photos):
    many = [(float(x), 5.0, 9.0, 9.0) for x in range(1, 20)]
    framed = Detector.in_keras(make_card(framing=0.5), tiny_model, lambda: Found(*many))
    for batch_size in (2, 64):
        first, second = framed.predict_files(photos[:2], batch_size)
        assert len(first.faces) == len(second.faces) == 19
        assert (first.path, second.path) == (str(photos[0]), str(photos[1]))
        assert first.logit != second.logit


def test_without_a_face_the_verdict_is_inconclusive(make_card, tiny_model, photos):
    framed = Detector.in_keras(make_card(framing=0.5), tiny_model, Found)
    judged = framed.predict(photos[0])
    assert (judged.verdict, judged.reasons, judged.faces) == ("inconclusive", ("no_face",), ())
    whole = framed.predict(photos[0], faces="off")
    assert (whole.verdict in ("real", "fake"), whole.reasons) == (True, ())
    assert whole.p_fake == judged.p_fake


def test_equalised_images_are_judged_as_training_saw_them(detector, photos):
    (judged,) = detector.predict_files(photos[:1], scale=equalize)
    levelled = equalize(pixels.read(photos[0]), 32)
    assert judged.logit == pytest.approx(float(detector.score(levelled[None]).logit[0]), abs=1e-5)
    assert judged.logit != detector.predict(photos[0]).logit


def test_nothing_to_judge(detector):
    assert list(detector.predict_files([])) == []


def test_a_batch_of_failures_alone(detector, tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    results = list(detector.predict_files(paths, 1))
    assert [type(result) for result in results] == [Failure, Failure]
    assert [result.path for result in results] == [str(path) for path in paths]


def test_network_with_and_without_its_sigmoid_are_one_detector(make_card, tiny_model, photos):
    bare = Detector.in_keras(make_card(), tiny_model).predict(photos[0])
    whole = Detector.in_keras(make_card(), network.probability(tiny_model)).predict(photos[0])
    assert isinstance(bare, Prediction)
    assert bare.logit == pytest.approx(whole.logit, abs=1e-6)
