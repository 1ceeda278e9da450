"""What the network saw, for measurements and for people."""

import answers
import numpy as np
import pytest
from PIL import Image

from src.data import pixels
from src.data.faces import Face
from src.detector.detector import Detector
from src.evaluation import sight


class Found:
    """A finder that has found a large and a small face in whatever image."""

    def find(self, image):
        boxes = ((60, 20, 30, 40), (0, 0, 10, 10))
        return [Face(box, 0.99, np.zeros((5, 2), np.float32)) for box in boxes]


@pytest.fixture
def framed(make_card, tiny_model):
    return Detector.in_keras(make_card(framing=0.5), tiny_model, Found)


@pytest.fixture
def paths(tmp_path, make_picture):
    names = [str(tmp_path / f"{number}.png") for number in range(9)]
    for number, name in enumerate(names):
        Image.fromarray(make_picture(number, 160, 120)).save(name)
    return names


def test_it_is_what_the_detector_scores(detector, photos):
    seen = sight.see(detector, [str(path) for path in photos], "off")
    logits = detector.logits(np.stack([one.inputs[0] for one in seen]))
    judged = [detector.predict(path, "off").logit for path in photos]
    np.testing.assert_allclose(logits, judged, atol=1e-4)
    for one, path in zip(seen, photos, strict=True):
        assert one.views[0].box == (0, 0, *Image.open(path).size)
        assert (one.inputs[0].shape, one.inputs[0].dtype) == ((32, 32, 3), np.uint8)


@pytest.mark.parametrize("faces", ["auto", "largest", "all"])
def test_of_several_faces_it_is_the_largest(framed, paths, faces):
    for path, one in zip(paths, sight.see(framed, paths, faces), strict=True):
        left, top, width, height = one.views[0].box
        assert (left + width / 2, top + height / 2) == pytest.approx((75, 40), abs=1)
        cut = pixels.read(path)[top : top + height, left : left + width]
        np.testing.assert_array_equal(one.inputs[0], pixels.resize(cut, 32))


def test_a_mask_is_cut_as_its_image_was(framed, paths):
    (one,) = sight.see(framed, paths[:1], "largest")
    mask = np.zeros((120, 160), bool)
    mask[20:60, 60:90] = True
    assert one.views[0].cut(mask).shape == (one.views[0].box[3], one.views[0].box[2])
    assert one.views[0].cut(mask).sum() == mask.sum()


def on_files(paths, logits, labels):
    judged = answers.judged(labels, logits)
    for sample, path in zip(judged.samples, paths, strict=True):
        object.__setattr__(sample, "path", type(sample.path)(path))
    return judged


def test_people_are_shown_the_evidence_for_the_answer(detector, paths):
    """Where the network saw evidence against its answer the picture stays as it is."""
    logits = [detector.predict(path).logit for path in paths]
    judged = on_files(paths, logits, [number % 2 for number in range(9)])
    indices = [int(np.argmax(logits)), int(np.argmin(logits)), 4]
    shown = sight.show(detector, judged, indices, "off")
    seen = sight.see(detector, [paths[i] for i in indices], "off")
    for index, one, saw in zip(indices, shown, seen, strict=True):
        assert (one.name, one.label) == (f"{index}.png", index % 2)
        assert one.p_fake == pytest.approx(judged.p_fake[index])
        evidence = detector.score(saw.inputs[0][None]).evidence[0]
        side = 32 // len(evidence)
        changed = np.abs(one.picture.astype(int) - saw.inputs[0]).mean(axis=2)
        changed = changed.reshape(len(evidence), side, -1, side).mean(axis=(1, 3))
        strongest, weakest = np.argmax(evidence), np.argmin(evidence)
        if logits[index] < 0:
            strongest, weakest = weakest, strongest
        assert changed.flat[strongest] > 2 * changed.flat[weakest]


def test_nobody_to_show_is_no_error(detector, paths):
    assert sight.show(detector, on_files(paths, [0.0] * 9, [0] * 9), [], "off") == []
