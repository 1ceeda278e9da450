"""The networks and the cascade, against the package that the weights come from."""

from importlib import metadata

import numpy as np
import onnxruntime
import people
import pytest

from src import InputError
from src.data import mtcnn, mtcnn_networks, pixels
from src.data.faces import Finder


def test_a_missing_package_is_an_error_that_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(InputError, match="pip install mtcnn"):
        Finder.from_package()


def test_the_networks_need_no_tensorflow(python):
    program = (
        "import sys; from src.data.faces import Finder; import skimage.data\n"
        "print(len(Finder.from_package().find(skimage.data.astronaut())), "
        "[name for name in ('tensorflow', 'keras', 'mtcnn') if name in sys.modules])"
    )
    result = python("-c", program)
    assert result.stdout.strip() == "1 []", result.stderr


def test_the_same_weights_give_the_same_bytes():
    assert mtcnn_networks.build() == mtcnn_networks.build()


def test_suppression_keeps_the_best_of_each_cluster():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40], [2, 2, 6, 6]], float)
    scores = np.array([0.8, 0.9, 0.7, 0.95])
    assert mtcnn.suppress(boxes, scores, 0.5).tolist() == [3, 1, 2]
    assert mtcnn.suppress(boxes, scores, 0.5, of_smaller=True).tolist() == [3, 2]
    assert mtcnn.suppress(boxes, scores, 1.0).tolist() == [3, 1, 0, 2]


def test_suppression_is_greedy():
    # The second goes because of the first, so it cannot take the third with it.
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], float)
    assert mtcnn.suppress(boxes, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


def test_of_two_windows_that_are_certain_the_more_certain_one_stays():
    """Their probabilities are alike to the last bit."""
    seen = {
        "probability": np.ones((1, 2), np.float32),
        "logits": np.float32([[20, 21]]),
        "offsets": np.zeros((4, 1, 2), np.float32),
    }
    boxes, ranks = mtcnn._windows(seen)
    assert mtcnn.suppress(boxes, ranks, 0.5).tolist() == [1]
    del seen["logits"]
    assert mtcnn.suppress(*mtcnn._windows(seen), 0.5).tolist() == [0]


def test_the_networks_tell_logits_whose_sigmoid_is_the_probability():
    images = {"image": np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), np.uint8)}
    for name in ("pnet", "rnet"):
        session = onnxruntime.InferenceSession(mtcnn_networks.build()[name])
        logits, probability = session.run(["logits", "probability"], images)
        assert np.allclose(1 / (1 + np.exp(-logits)), probability, atol=1e-6)


def test_the_pyramid_ends_where_the_image_fills_the_window():
    scales = list(mtcnn.scales(512, 700, smallest=20))
    assert scales[0] == 0.6
    assert np.allclose(np.divide(scales[1:], scales[:-1]), mtcnn.FACTOR)
    assert 12 <= 512 * scales[-1] < 12 / mtcnn.FACTOR
    assert list(mtcnn.scales(10, 10, smallest=20)) == []


@pytest.mark.slow
def test_the_networks_compute_what_the_package_computes():
    stages = pytest.importorskip("mtcnn").MTCNN().stages
    rng = np.random.default_rng(0)
    for stage, (name, content) in zip(stages, mtcnn_networks.build().items(), strict=True):
        size = (mtcnn_networks.SIDES[name],) * 2 if name != "pnet" else (37, 50)
        images = rng.integers(0, 256, (3, *size, 3), np.uint8)
        expected = [np.asarray(e) for e in stage._model(((images - 127.5) / 128).astype("float32"))]
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        found = dict(zip(names, session.run(names, {"image": images}), strict=True))
        if name == "pnet":
            found["offsets"] = found["offsets"].transpose(0, 2, 3, 1)
        assert np.allclose(found["offsets"], expected[0], atol=1e-5)
        assert np.allclose(found["probability"], expected[-1][..., 1], atol=1e-5)
        if name == "onet":
            assert np.allclose(found["landmarks"], expected[1], atol=1e-5)


@pytest.mark.slow
def test_the_boxes_are_those_of_the_package(monkeypatch):
    """The last stage is compared on the package's windows, and the whole cascade on average.

    Both find the same faces, but which of many overlapping windows wins is decided by a hair.
    """
    package = pytest.importorskip("mtcnn").MTCNN()
    monkeypatch.setattr(mtcnn, "DECIDE", 0.8)  # the package's
    last, whole = [], []
    for image in (people.astronaut(), *map(pixels.read, people.drawn(40))):
        windows = None
        scaled, shape = (image[None] - 127.5) / 128, np.array([image.shape])
        for stage in package.stages[:2]:
            windows = stage(bboxes_batch=windows, images_normalized=scaled, images_oshapes=shape)
        theirs = package.detect_faces(image, fit_to_image=False)
        ours = people.finder().find(image)
        assert len(ours) == len(theirs)
        if theirs:
            reference = max((face["box"] for face in theirs), key=lambda box: box[2] * box[3])
            last.append(people.overlap(_decided(image, windows[:, 1:5]), reference))
            whole.append(people.overlap(ours[0].box, reference))
    assert len(whole) > 18
    assert min(last) >= 0.9
    assert whole[0] >= 0.9, "the astronaut"
    assert np.median(whole) >= 0.9
    assert min(whole) >= 0.75


def _decided(image: np.ndarray, windows: np.ndarray) -> tuple[float, ...]:
    """Return the largest box that our last stage finds in given windows."""
    onet = people.finder()._networks["onet"]
    boxes = mtcnn.decide(mtcnn.halvings(image), windows, onet).boxes
    left, top, right, bottom = max(boxes, key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
    return left, top, right - left, bottom - top
