"""What is said of heatmaps, on networks whose maps are known to be right or wrong."""

import json

import keras
import numpy as np
import pytest
import tiny
from keras import layers

from src.detector import network
from src.detector.detector import Detector
from src.evaluation.heatmaps import explanations, removal
from src.evaluation.heatmaps.randomisation import Randomisation
from src.intervals import Estimate
from tests.conftest import card

SIZE, COUNT, SQUARE = 32, 30, 12


def bright(sign=1.0):
    """Return a detector for which a bright square is evidence for fake, or for real."""
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Rescaling(1 / 255)(image)
    x = layers.AveragePooling2D(4)(x)
    x = layers.Conv2D(1, 1, activation="relu", name="brightness")(x)
    x = layers.GlobalAveragePooling2D(name=network.POOLING)(x)
    x = layers.Dense(4, activation="relu", name=network.HIDDEN)(x)
    model = keras.Model(image, layers.Dense(1, name=network.LOGIT)(x))
    weights = {"brightness": (np.full((1, 1, 3, 1), 1 / 3), [-0.6]),
               network.HIDDEN: (np.ones((1, 4)), np.zeros(4)),
               network.LOGIT: (np.full((4, 1), sign * 30.0), [sign * -3.0])}  # fmt: skip
    for name, values in weights.items():
        model.get_layer(name).set_weights([np.asarray(value, "float32") for value in values])
    return Detector.in_keras(card(), model)


def random_weights(seed, *, lively=False):
    """Return a detector that knows nothing; a lively one gives every image another answer."""
    keras.utils.set_random_seed(seed)
    model = network.build(tiny.NAME, image_size=SIZE)
    if lively:
        tiny.randomise(model, seed)
    return Detector.in_keras(card(), model)


@pytest.fixture(scope="module")
def squares(make_picture):
    """Return dim pictures with a bright square away from the centre, and its masks."""
    rng = np.random.default_rng(0)
    images = np.stack([make_picture(seed, SIZE, SIZE) // 2 for seed in range(COUNT)])
    masks = []
    for image in images:
        top = rng.integers(SIZE - SQUARE + 1)
        left = rng.choice([0, SIZE - SQUARE])
        image[top : top + SQUARE, left : left + SQUARE] = 255
        # Of another size than the image: masks come in the pixels of the file.
        masks.append(np.kron(image[..., 0] == 255, np.ones((2, 2))).astype(bool))
    return images, masks


@pytest.fixture(scope="module")
def found(squares):
    return explanations.measure(bright(), *squares)


def answers(found):
    return {check.name: check.passed for check in found.checks()}


def test_a_map_of_what_decides_beats_both_controls(found):
    said = answers(found)
    assert said["deletion"] and said["insertion"] and said["pointing"] and said["inside"]
    assert found.removal.deletion.evidence.value < found.removal.deletion.blob - 0.05
    assert found.localisation.pointing.evidence.value > 0.95
    assert found.localisation.area == pytest.approx((SQUARE / SIZE) ** 2, rel=0.1)
    assert found.localisation.inside.random == pytest.approx(found.localisation.area, abs=0.05)


def test_curves_run_from_the_image_to_its_blur_and_back(found, squares):
    deletion, insertion = found.removal.deletion_curves, found.removal.insertion_curves
    assert deletion.shares[0] == 0 and deletion.shares[-1] == 1
    sharp = bright().score(squares[0]).p_fake
    leaned = np.maximum(sharp, 1 - sharp).mean()
    for name in ("evidence", "random", "blob"):
        away, back = getattr(deletion, name), getattr(insertion, name)
        assert away[0] == back[-1] == pytest.approx(leaned, abs=1e-6)
        assert away[-1] == back[0] < leaned - 0.2
    assert np.trapezoid(deletion.evidence, deletion.shares) == pytest.approx(
        found.removal.deletion.evidence.value
    )


def test_a_detector_that_leans_to_real_is_followed_towards_real(squares):
    found = explanations.measure(bright(-1.0), *squares)
    said = answers(found)
    assert said["deletion"] and said["insertion"]
    assert not said["pointing"] and not said["inside"], "its maps are for real, not for fake"


def test_a_map_that_marks_everything_else_fails(squares):
    detector, images = bright(), squares[0]
    scores = detector.score(images)
    upside_down = scores.evidence.max() - scores.evidence
    measured = removal.measure(detector, images, upside_down, scores.p_fake >= 0.5, 0)
    for compared in (measured.deletion, measured.insertion):
        assert compared.beats(compared.over_random) is False
        assert compared.beats(compared.over_blob) is False


@pytest.mark.parametrize("seed", range(3))
def test_random_weights_fail(squares, make_picture, seed):
    images = np.stack([make_picture(100 + n, SIZE, SIZE) for n in range(COUNT)])
    found = explanations.measure(random_weights(seed), images, squares[1], seed=seed)
    said = answers(found)
    assert not any(said[name] for name in ("deletion", "insertion", "pointing", "inside"))
    advice = [check.sentence for check in found.checks() if not check.passed]
    assert all("Do not read" in sentence for sentence in advice)


@pytest.mark.parametrize("seed", range(2))
def test_random_weights_with_lively_answers_do_not_find_the_manipulated_region(
    squares, make_picture, seed
):
    """Their maps may well show what they go by; that is no knowledge of fakes."""
    images = np.stack([make_picture(100 + n, SIZE, SIZE) for n in range(COUNT)])
    found = explanations.measure(random_weights(seed, lively=True), images, squares[1])
    said = answers(found)
    assert not said["pointing"] and not said["inside"]
    assert said["randomisation"], "but they depend on the weights"
    assert max(found.randomisation.likeness[2:]) < 0.5


def test_a_map_that_shuffled_weights_do_not_change_fails(found):
    """The kernel of `bright` has three equal numbers: its map is the image's brightness."""
    assert found.randomisation.final.value == pytest.approx(1.0)
    assert answers(found)["randomisation"] is False


def test_one_and_the_same_map_for_every_image_does_not_hide_behind_the_control():
    one = Estimate(1.0, 1.0, 1.0)
    nothing = Estimate(0.0, 0.0, 0.0)
    assert not Randomisation(30, ["logit"], [1.0], one, one, nothing).depends_on_weights


def test_detector_and_images_stay_as_they_were_and_a_seed_repeats(make_picture):
    detector = random_weights(0, lively=True)
    images = np.stack([make_picture(n, SIZE, SIZE) for n in range(4)])
    masks = [np.eye(SIZE, dtype=bool), None, None, None]
    weights = [weight.copy() for weight in detector.model.get_weights()]
    before, kept = detector.score(images), images.copy()
    first, again = (explanations.measure(detector, images, masks, seed=3) for _ in range(2))
    assert first.to_dict() == again.to_dict()
    other = explanations.measure(detector, images, masks, seed=4)
    assert other.removal.deletion.random != first.removal.deletion.random
    assert other.randomisation.likeness != first.randomisation.likeness
    for old, new in zip(weights, detector.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(detector.score(images).evidence, before.evidence)
    np.testing.assert_array_equal(images, kept)


def test_one_image_without_a_mask_answers_nothing(make_picture):
    image = make_picture(0, SIZE, SIZE)[None]
    found = explanations.measure(random_weights(0, lively=True), image, [None])
    assert set(answers(found).values()) == {None}
    assert found.randomisation is None and found.localisation is None
    sentences = {check.name: check.sentence for check in found.checks()}
    assert "1 image is too few" in sentences["deletion"]
    assert "no masks" in sentences["inside"]
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_level_map_has_exactly_the_score_of_the_random_one(squares):
    detector, images = bright(), squares[0]
    leans_fake = detector.score(images).p_fake >= 0.5
    measured = removal.measure(detector, images, np.zeros((COUNT, 8, 8)), leans_fake, 0)
    assert measured.deletion.over_random == Estimate(0.0, 0.0, 0.0)
    assert measured.deletion.over_blob != Estimate(0.0, 0.0, 0.0)


def test_a_map_that_says_nothing_finds_nothing(squares):
    detector = bright()
    detector.model.get_layer(network.HIDDEN).set_weights([np.ones((1, 4)), np.full(4, -1e4)])
    found = explanations.measure(detector, *squares)
    assert found.localisation.pointing.evidence.value == 0
    assert found.localisation.inside.evidence.value == 0
    assert not any(answers(found)[name] for name in ("deletion", "insertion", "pointing", "inside"))
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_mask_without_a_pixel_is_none(squares):
    masks = squares[1]
    empty = [*masks[:-1], np.zeros((SIZE, SIZE), bool)]
    heats = np.ones((COUNT, 8, 8))
    assert explanations.localisation.measure(heats, empty, 0).pointing.images == COUNT - 1


def test_sentences_name_the_harder_control_and_the_numbers(found):
    inside = found.localisation.inside
    harder = min(inside.over_random, inside.over_blob, key=lambda one: one.value)
    sentence = next(check.sentence for check in found.checks() if check.name == "inside")
    assert f"[difference {harder.low:+.2f} to {harder.high:+.2f}, {COUNT} images]" in sentence
    assert f"{inside.evidence.value:.2f} against" in sentence
    assert "Do not" not in sentence
