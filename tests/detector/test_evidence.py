import keras
import numpy as np
import pytest
import tiny

from src import InputError
from src.detector import evidence, network

SIZES = {"xception": 71, "efficientnetv2-s": 64, tiny.NAME: 32}


@pytest.fixture(scope="module", params=SIZES)
def model(request, tiny_model):
    if request.param == tiny.NAME:
        return tiny_model
    if request.param == "xception":
        return request.getfixturevalue("xception")
    built = network.build(request.param, image_size=SIZES[request.param])
    tiny.randomise(built)
    return built


@pytest.fixture(scope="module")
def images(model, make_picture):
    size = model.input.shape[1]
    return np.stack([make_picture(seed, size, size) for seed in range(3)])


@pytest.fixture(scope="module")
def outputs(model, images):
    # Called directly: to trace the network for `predict` takes longer than to run it.
    outputs = evidence.with_evidence(model)(images, training=False)
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


def logit_of(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))[:, 0]


def require_sum(outputs):
    logit = outputs["logit"]
    total = outputs["evidence"].sum((1, 2), np.float64) + outputs["bias"]
    np.testing.assert_array_less(np.abs(total - logit), 1e-4 * np.maximum(1, np.abs(logit)))


def test_evidence_adds_up_to_the_logit(outputs):
    assert np.abs(outputs["logit"]).max() > 0.5, "near zero anything adds up"
    assert np.abs(outputs["bias"]).max() > 0.1, "the bias must not be idle"
    require_sum(outputs)
    assert {value.dtype for value in outputs.values()} == {np.dtype(np.float32)}
    assert outputs["evidence"].ndim == 3


def test_logit_is_the_networks_own(model, images, outputs):
    np.testing.assert_allclose(outputs["logit"], logit_of(model, images), rtol=1e-5, atol=1e-5)


def test_evidence_is_grad_cam_by_autodiff(model, images, outputs):
    layer = network.backbone(model.name).evidence_layer
    for image, exact in zip(images[:2], outputs["evidence"], strict=False):
        differentiated = evidence.grad_cam(model, image, layer)
        assert differentiated.shape == exact.shape
        assert np.abs(differentiated - exact).max() <= 1e-5 * np.abs(exact).max()


def test_evidence_after_saving_and_loading(tiny_model, tmp_path, make_picture):
    images = np.stack([make_picture(seed, 32, 32) for seed in range(3)])
    network.probability(tiny_model).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    before = evidence.with_evidence(tiny_model).predict_on_batch(images)
    after = evidence.with_evidence(loaded).predict_on_batch(images)
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-6)
    cam = evidence.grad_cam(loaded, images[0], "last_act")
    assert np.abs(cam - after["evidence"][0]).max() <= 1e-5 * np.abs(cam).max()


def test_building_it_twice_leaves_the_network_alone(tiny_model, make_picture):
    image = make_picture(0, 32, 32)
    names = [layer.name for layer in tiny_model.layers]
    before = tiny_model.predict_on_batch(image[None])
    for _ in range(2):
        evidence.with_evidence(tiny_model)
        evidence.grad_cam(tiny_model, image, tiny.BRANCH_LAYER)
    assert [layer.name for layer in tiny_model.layers] == names
    np.testing.assert_array_equal(tiny_model.predict_on_batch(image[None]), before)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="written with TensorFlow")
@pytest.mark.parametrize("layer", ["stem_conv", "shortcut_conv", tiny.BRANCH_LAYER])
def test_any_layer_agrees_with_grad_cam_as_it_is_usually_written(tiny_model, layer, make_picture):
    """In a residual branch the other branch must be left in place, or the gradient is another."""
    import tensorflow as tf

    image = make_picture(3, 32, 32)
    both = keras.Model(tiny_model.input, [tiny_model.get_layer(layer).output, tiny_model.output])
    with tf.GradientTape() as tape:
        activation, logit = both(image[None], training=False)
    gradient = tape.gradient(logit, activation)[0].numpy()
    wanted = activation[0].numpy() @ gradient.mean((0, 1))
    found = evidence.grad_cam(tiny_model, image, layer)
    assert np.abs(wanted).max() > 0
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


def test_layer_in_a_residual_branch_of_xception(xception, make_picture):
    cam = evidence.grad_cam(xception, make_picture(0, 71, 71), "block5_sepconv2")
    assert cam.ndim == 2
    assert np.isfinite(cam).all()
    assert np.abs(cam).max() > 0


@pytest.mark.parametrize("layer", ["block99", "dense", "features", "image"])
def test_layer_without_a_map_is_an_error_that_names_some_that_have_one(tiny_model, layer):
    with pytest.raises(InputError, match=rf"{layer}.*last_act"):
        evidence.grad_cam(tiny_model, np.zeros((32, 32, 3), np.uint8), layer)


def test_layer_that_stands_in_several_places_has_no_map(residual_network):
    """The table of residuals is looked up for each kind of triple."""
    with pytest.raises(InputError, match=r"'residuals'.*the last such are .*evidence_map") as told:
        evidence.grad_cam(residual_network, np.zeros((142, 142, 3), np.uint8), "residuals")
    assert "residuals, " not in str(told.value)


def test_all_negative_evidence(make_picture):
    """Positive activations under weights that all speak for real."""
    model = network.build(tiny.NAME, image_size=32)
    tiny.randomise(model)
    hidden, last = model.get_layer(network.HIDDEN), model.get_layer(network.LOGIT)
    hidden.kernel.assign(np.abs(hidden.kernel))
    last.kernel.assign(-np.abs(last.kernel))
    outputs = evidence.with_evidence(model).predict_on_batch(make_picture(0, 32, 32)[None])
    assert outputs["evidence"].max() <= 0
    assert outputs["evidence"].min() < -0.1
    require_sum(outputs)


def test_no_active_unit_leaves_the_bias_alone(make_picture):
    model = network.build(tiny.NAME, image_size=32)
    tiny.randomise(model)
    model.get_layer(network.HIDDEN).bias.assign(np.full(network.HIDDEN_UNITS, -1e4))
    outputs = evidence.with_evidence(model).predict_on_batch(make_picture(0, 32, 32)[None])
    assert np.abs(outputs["evidence"]).max() == 0
    assert outputs["logit"] == pytest.approx(outputs["bias"], abs=1e-6)
