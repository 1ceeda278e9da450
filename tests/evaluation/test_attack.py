"""Attacks stay within what they may change, and find what turns a verdict."""

import gc
import weakref
from importlib.util import find_spec

import keras
import numpy as np
import pytest
import tiny

from src.detector import network
from src.evaluation import attack

SIZE = 32
# Reads a network, images and labels, and writes the gradient.
PROGRAM = """
import sys
import keras, numpy as np
from src.evaluation import attack
folder = sys.argv[1]
model = keras.models.load_model(folder + "/model.keras", compile=False)
given = np.load(folder + "/given.npz")
for count in (2, 8):
    gradient = attack.input_gradient(model, given["images"][:count], given["labels"][:count])
np.save(folder + "/gradient.npy", gradient)
"""


@pytest.fixture(scope="module")
def images(make_picture):
    pictures = [make_picture(seed, SIZE, SIZE) for seed in range(8)]
    # Values with nowhere to go on one side.
    pictures[0] = np.where(pictures[0] < 100, 0, 255).astype(np.uint8)
    return np.stack(pictures)


@pytest.fixture(scope="module")
def labels():
    return np.array([0, 1, 1, 0, 1, 0, 0, 1])


@pytest.fixture(scope="module")
def attacked(tiny_model, images, labels):
    return attack.attacks(tiny_model, images, labels, seed=3)


@pytest.fixture
def own_model():
    """Return a network that the test may change."""
    model = network.build(tiny.NAME, image_size=SIZE)
    tiny.randomise(model)
    return model


def logits(model, images):
    outputs = model(np.asarray(images, np.float32), training=False)
    return keras.ops.convert_to_numpy(outputs)[:, 0].astype(float)


def losses(model, images, labels):
    return np.logaddexp(0, np.where(labels == 1, -1, 1) * logits(model, images))


def test_gradient_agrees_with_finite_differences(tiny_model, images, labels):
    gradient = attack.input_gradient(tiny_model, images, labels)
    assert gradient.shape == images.shape
    assert gradient.dtype == np.float32
    rng = np.random.default_rng(0)
    for _ in range(5):
        step = 0.005 * np.sign(gradient) * rng.integers(0, 2, images.shape).astype(np.float32)
        ahead, behind = (losses(tiny_model, images + s * step, labels) for s in (1, -1))
        expected = (gradient * step).sum((1, 2, 3))
        assert expected.max() > 0.01
        # The logits are float32.
        np.testing.assert_allclose((ahead - behind) / 2, expected, rtol=0.02, atol=5e-6)


def test_a_saved_network_has_the_same_gradient(tiny_model, images, labels):
    saved = network.probability(tiny_model)
    np.testing.assert_allclose(
        attack.input_gradient(saved, images, labels),
        attack.input_gradient(tiny_model, images, labels),
        rtol=1e-4,
        atol=1e-8,
    )


def test_a_network_that_is_sure_and_right_still_has_a_gradient(own_model, images):
    last = own_model.get_layer(network.LOGIT)
    last.bias.assign(last.bias + 40.0)
    assert logits(own_model, images).min() > 20
    gradient = attack.input_gradient(own_model, images, np.ones(8))
    assert (np.abs(gradient).max((1, 2, 3)) > 0).all()
    moved = attack.attacks(own_model, images, np.ones(8))["fgsm 4"]
    assert (logits(own_model, moved) < logits(own_model, images)).all()


def test_each_result_is_a_picture_within_epsilon(attacked, images):
    assert list(attacked) == ["fgsm 1", "fgsm 2", "fgsm 4", "pgd 1", "pgd 2", "pgd 4"]
    for name, result in attacked.items():
        assert result.dtype == np.uint8
        assert result.shape == images.shape
        change = np.abs(result.astype(int) - images)
        assert change.max() == int(name[-1])
        assert (change.max((1, 2, 3)) > 0).all()


def test_loss_rises_with_epsilon_and_more_by_pgd(tiny_model, attacked, images, labels):
    clean = losses(tiny_model, images, labels)
    means = {name: losses(tiny_model, x, labels).mean() for name, x in attacked.items()}
    for name in ("fgsm", "pgd"):
        assert clean.mean() < means[f"{name} 1"] < means[f"{name} 2"] < means[f"{name} 4"]
    for epsilon in attack.EPSILONS:
        assert means[f"pgd {epsilon}"] >= means[f"fgsm {epsilon}"]


def test_fakes_are_pushed_to_real_and_real_ones_to_fake(tiny_model, attacked, images, labels):
    before = logits(tiny_model, images)
    for result in attacked.values():
        push = logits(tiny_model, result) - before
        assert push[labels == 1].max() < 0
        assert push[labels == 0].min() > 0


def test_the_size_of_a_batch_makes_no_difference(tiny_model, attacked, images, labels, monkeypatch):
    """But for gradients so near to zero that it decides their sign."""
    monkeypatch.setattr(attack, "BATCH", 3)
    for name, result in attack.attacks(tiny_model, images, labels, 3).items():
        assert (result == attacked[name]).mean() > 0.99, name


def test_seed_decides_where_pgd_starts(tiny_model, images, labels):
    first, again, other = (
        attack.attacks(tiny_model, images, labels, seed)["pgd 4"] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.05


def test_images_are_left_alone(tiny_model, images, labels):
    before = images.copy()
    attack.attacks(tiny_model, images, labels)
    np.testing.assert_array_equal(images, before)


def test_no_images_give_no_images(tiny_model, images, labels):
    for result in attack.attacks(tiny_model, images[:0], labels[:0]).values():
        assert result.shape == (0, SIZE, SIZE, 3)


def test_weights_that_change_are_seen(own_model, images, labels):
    """With the opposite logit and the opposite labels the loss is the same."""
    before = attack.input_gradient(own_model, images, labels)
    last = own_model.get_layer(network.LOGIT)
    last.kernel.assign(-last.kernel)
    last.bias.assign(-last.bias)
    after = attack.input_gradient(own_model, images, 1 - labels)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-8)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="counts TensorFlow's traces")
def test_a_network_is_traced_once_whatever_the_batch(own_model, images, labels):
    for count in (3, 8, 1, 8):
        attack.input_gradient(own_model, images[:count], labels[:count])
    assert attack._DIFFERENTIATORS[own_model].experimental_get_tracing_count() == 1


def test_an_attacked_network_can_be_forgotten(images, labels):
    model = network.build(tiny.NAME, image_size=SIZE)
    attack.input_gradient(model, images, labels)
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, tiny_model, images, labels, python, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"needs pip install -e '.[{backend}]'")
    tiny_model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "given.npz", images=images, labels=labels)
    result = python("-c", PROGRAM, tmp_path, KERAS_BACKEND=backend)
    assert result.returncode == 0, result.stderr
    mine = attack.input_gradient(tiny_model, images, labels)
    np.testing.assert_allclose(
        np.load(tmp_path / "gradient.npy"), mine, rtol=1e-3, atol=1e-4 * np.abs(mine).max()
    )
