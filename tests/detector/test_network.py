import keras
import numpy as np
import pytest
import tiny

from src import InputError
from src.detector import network
from src.detector.evidence import with_evidence


def test_default_network_has_the_promised_sizes():
    full_size = network.build()
    assert full_size.input_shape == (None, 299, 299, 3)
    assert full_size.output_shape == (None, 1)
    assert full_size.count_params() == 21_386_281


def test_scaling_is_inside(xception, make_picture):
    image = make_picture(1, 71, 71)
    scaled = keras.Model(xception.input, xception.get_layer("scaling").output)
    np.testing.assert_allclose(
        scaled.predict_on_batch(image[None])[0], image / 127.5 - 1.0, atol=1e-6
    )


def test_too_small_an_image_size_names_the_smallest():
    with pytest.raises(InputError, match="at least 71"):
        network.build("xception", image_size=70)


def test_unknown_backbone_lists_the_known():
    with pytest.raises(InputError, match=r"xception.*efficientnetv2-s"):
        network.build("resnet")


def test_parts_together_are_the_whole(tiny_model, make_picture):
    images = np.stack([make_picture(seed, 32, 32) for seed in range(3)])
    features = network.extractor(tiny_model).predict_on_batch(images)
    assert features.shape == (3, 16)
    logit = network.head(tiny_model).predict_on_batch(features)
    np.testing.assert_allclose(logit, tiny_model.predict_on_batch(images), atol=1e-5)


def test_head_shares_its_weights():
    model = network.build(tiny.NAME, image_size=32)
    head = network.head(model)
    head.get_layer(network.LOGIT).bias.assign([3.0])
    assert float(model.get_layer(network.LOGIT).bias[0]) == 3.0


def test_probability_and_back(tiny_model, make_picture):
    images = np.stack([make_picture(seed, 32, 32) for seed in range(4)])
    whole = network.probability(tiny_model)
    logit = tiny_model.predict_on_batch(images)
    np.testing.assert_allclose(
        whole.predict_on_batch(images), 1 / (1 + np.exp(-logit)), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_array_equal(network.logits(whole).predict_on_batch(images), logit)


def test_weights_that_fail_without_a_word_are_an_input_error(tmp_path, monkeypatch):
    def fail(model, path):
        raise OSError

    path = tmp_path / "some.weights.h5"
    path.touch()
    monkeypatch.setattr("keras.Model.load_weights", fail)
    with pytest.raises(InputError, match="do not fit"):
        network.build(tiny.NAME, image_size=32, weights=path)


def test_evidence_follows_weights_that_change_later(make_picture):
    model = network.build(tiny.NAME, image_size=32)
    explained = with_evidence(model)
    tiny.randomise(model)
    outputs = explained.predict_on_batch(make_picture(0, 32, 32)[None])
    total = outputs["evidence"].sum() + outputs["bias"][0]
    assert total == pytest.approx(float(outputs["logit"][0]), abs=1e-4)


def test_a_saved_xception_fills_one_whose_layers_are_numbered_otherwise(tmp_path):
    """Keras counts the layers without a name of their own: the same network gets other names."""
    first = network.build(image_size=71)
    network.probability(first).save(tmp_path / "model.keras")
    second = network.build(image_size=71, weights=tmp_path / "model.keras")
    names = [[l.name for l in network.backbone_layers(m)] for m in (first, second)]
    assert names[0] != names[1]
    # The head as well: what it has learnt is not thrown away.
    for expected, found in zip(first.layers, second.layers, strict=True):
        for a, b in zip(expected.get_weights(), found.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
