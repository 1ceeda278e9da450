"""Where the detector is wrong, and which images to look at."""

import json
from dataclasses import asdict
from itertools import pairwise

import answers
import numpy as np
import pytest
from sklearn.decomposition import PCA

from src.auditing import container, content
from src.auditing.facts import Facts
from src.detector.prediction import FacePrediction
from src.evaluation import mistakes


def facts(count, *, width=100, height=100, brightness=128, sharpness=5):
    """Return the facts of images that are all alike, but for what is given."""
    columns = np.zeros((count, container.COLUMNS), np.float32)
    columns[:, 1], columns[:, 2] = width, height
    statistics = np.zeros((count, len(content.STATISTICS)), np.float32)
    statistics[:, content.STATISTICS.index("brightness")] = brightness
    statistics[:, content.STATISTICS.index("blur")] = sharpness
    return Facts(
        pixels=np.zeros((count, 16), np.uint8),
        hashes=np.zeros((count, 2, 8), np.uint8),
        container=columns,
        content=statistics,
        readable=np.ones(count, bool),
    )


def wrong_at(wrong):
    """Return images, half of them fake, of which some are answered wrongly."""
    labels = np.arange(len(wrong)) % 2
    return answers.judged(labels, np.where((labels == 1) != np.asarray(wrong), 2.0, -2.0))


def bins(judged, by, **quantities):
    """Return names, sizes and mistakes of the bins of one quantity."""
    found = mistakes.parts(judged, facts(len(judged.labels), **quantities))
    return [(p.name, p.wrong.total, p.wrong.hits) for p in found if p.by == by]


def test_dark_images_are_found_to_be_where_the_mistakes_are():
    brightness = np.random.default_rng(0).permutation(80)
    found = bins(wrong_at(brightness < 20), "brightness", brightness=brightness)
    assert found == [
        ("0 to 19", 20, 20),
        ("20 to 39", 20, 0),
        ("40 to 59", 20, 0),
        ("60 to 79", 20, 0),
    ]


def test_the_shorter_side_is_what_counts():
    sides = np.repeat([60, 300], 20)
    for width, height in ((sides, 400), (400, sides)):
        found = bins(wrong_at(sides == 60), "shorter side in pixels", width=width, height=height)
        assert found == [("60", 20, 20), ("300", 20, 0)]


@pytest.mark.parametrize("many", [5, 20, 21, 35])
def test_two_values_make_two_bins_whatever_their_shares(many):
    sharpness = np.where(np.arange(40) < many, 2.5, 7.0)
    found = bins(wrong_at(sharpness == 7), "sharpness", sharpness=sharpness)
    assert found == [("2.5", many, 0), ("7", 40 - many, 40 - many)]


def test_every_image_is_in_one_bin_and_equals_in_the_same():
    rng = np.random.default_rng(0)
    for count in (20, 33, 100):
        brightness = rng.integers(0, 12, count)
        wrong = rng.random(count) < 0.3
        found = bins(wrong_at(wrong), "brightness", brightness=brightness)
        assert sum(total for _, total, _ in found) == count
        assert sum(hits for _, _, hits in found) == wrong.sum()
        edges = [float(edge) for name, _, _ in found for edge in name.split(" to ")]
        # No value is at the end of one bin and at the start of the next.
        assert edges == sorted(edges)
        for (one, _, _), (other, _, _) in pairwise(found):
            assert float(one.split(" to ")[-1]) < float(other.split(" to ")[0])


@pytest.mark.parametrize("count", [40, mistakes.BINS * mistakes.MIN_IN_BIN - 1])
def test_nothing_is_said_where_all_are_alike_or_few(count):
    brightness = 100 if count == 40 else np.arange(count)
    found = mistakes.parts(wrong_at([True] * count), facts(count, brightness=brightness))
    assert {part.by for part in found} == {"source"}


def with_faces(judged, widths):
    """Give images a large face and a small one; a width of 0 is no face."""
    for prediction, width in zip(judged.predictions, widths.tolist(), strict=True):
        boxes = [(0.0, 0.0, width, 9.0), (0.0, 0.0, 1.0, 9.0)] if width else []
        faces = tuple(FacePrediction(box, 0.99, (), "real", 0.1, -2.0) for box in boxes)
        object.__setattr__(prediction, "faces", faces)
    return judged


def test_images_without_a_face_are_in_no_bin_of_faces():
    widths = np.append(np.zeros(20), np.arange(1.0, 41))
    judged = with_faces(wrong_at(widths > 30), widths)
    found = bins(judged, "width of the face in pixels")
    assert found == [("1 to 10", 10, 0), ("11 to 20", 10, 0), ("21 to 30", 10, 0),
                     ("31 to 40", 10, 10)]  # fmt: skip
    assert not bins(with_faces(judged, np.zeros(60)), "width of the face in pixels")


def test_each_source_of_each_class_has_its_own_line():
    labels, sources = [0, 0, 1, 1, 1], ["web", "film", "film", "film", "web"]
    judged = answers.judged(labels, [1.0, -1.0, 1.0, -1.0, 1.0], sources=sources)
    found = mistakes.parts(judged, facts(5))
    assert [(p.by, p.name, p.wrong.hits, p.wrong.total) for p in found] == [
        ("source", "fake: film", 1, 2),
        ("source", "fake: web", 0, 1),
        ("source", "real: film", 0, 1),
        ("source", "real: web", 1, 1),
    ]
    read = json.loads(json.dumps([asdict(part) for part in found], allow_nan=False))
    assert read[0]["wrong"]["hits"] == 1


def test_frames_of_one_video_are_one_mistake():
    groups = [f"video {number // 10}" for number in range(400)]
    labels, brightness = np.repeat(np.arange(40) % 2, 10), np.repeat(np.arange(40), 10)
    logits = np.where((labels == 1) != (brightness < 10), 2.0, -2.0)
    judged = answers.judged(labels, logits, groups=groups)
    found = bins(judged, "brightness", brightness=brightness)
    assert [(total, hits) for _, total, hits in found] == [(10, 10), (10, 0), (10, 0), (10, 0)]


def test_the_images_worth_a_look_are_the_surest_and_the_least_sure():
    judged = answers.judged([0, 0, 0, 1, 1, 1], [-5.0, 3.0, 0.5, 4.0, -0.1, -2.0])
    assert mistakes.is_wrong(judged).tolist() == [False, True, True, False, True, True]
    assert mistakes.worth_a_look(judged, 2) == {
        "the surest mistakes": [1, 5],
        "the surest right answers": [0, 3],
        "the least sure answers": [4, 2],
    }
    assert mistakes.worth_a_look(judged, 9)["the surest right answers"] == [0, 3]


def test_a_projection_is_that_of_principal_components():
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(40, 12)) * np.linspace(0.1, 3, 12) + 7).astype(np.float32)
    points, reference = mistakes.project(features), PCA(2).fit_transform(features)
    signs = np.sign((points * reference).sum(axis=0))
    np.testing.assert_allclose(points * signs, reference, atol=1e-4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (1, 1), (2, 5)])
def test_few_images_or_features_are_points_in_the_plane(shape):
    features = np.arange(float(np.prod(shape))).reshape(shape) ** 2
    points = mistakes.project(features)
    assert points.shape == (shape[0], 2) and np.isfinite(points).all()
    # Distances in the one direction that there is are kept.
    assert np.ptp(points[:, 0]) == pytest.approx(np.linalg.norm(features[-1] - features[0]))
    np.testing.assert_allclose(points[:, 1], 0, atol=1e-9)
