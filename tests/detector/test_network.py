import keras
import numpy as np
import pytest
import tiny

from src import InputError
from src.detector import network
from src.detector.evidence import with_evidence


def weights_of(model):
    return [np.array(v.numpy()) for v in model.variables]


@pytest.fixture(scope="module")
def full_size():
    return network.build()


def test_default_network_has_the_promised_sizes(full_size):
    assert full_size.input_shape == (None, 299, 299, 3)
    assert full_size.output_shape == (None, 1)
    assert full_size.count_params() == 21_386_281
    network.freeze(full_size)
    trainable = sum(int(np.prod(v.shape)) for v in full_size.trainable_variables)
    assert trainable == 524_801


def test_unfreezing_opens_exactly_the_last_layers_but_batch_norms(full_size):
    before = weights_of(full_size)
    network.unfreeze(full_size, 40)
    below = network.backbone_layers(full_size)
    assert below[-1].name == "block14_sepconv2_act"
    norms = {l.name for l in below if isinstance(l, keras.layers.BatchNormalization)}
    opened = {l.name for l in below if l.trainable}
    assert opened == {l.name for l in below[-40:]} - norms
    assert len(norms & {l.name for l in below[-40:]}) > 5
    trained = {v.path.split("/")[0] for v in full_size.trainable_variables}
    assert trained <= {l.name for l in below[-40:]} | {network.HIDDEN, network.LOGIT}
    assert "block14_sepconv2" in trained
    for old, new in zip(before, weights_of(full_size), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("last", [0, 6, 1000])
def test_number_of_unfrozen_layers(last):
    model = network.build(tiny.NAME, image_size=32)
    network.unfreeze(model, last)
    below = network.backbone_layers(model)
    wanted = below[max(0, len(below) - last) :]
    norms = keras.layers.BatchNormalization
    for layer in below:
        assert layer.trainable == (layer in wanted and not isinstance(layer, norms))
    assert all(model.get_layer(name).trainable for name in (network.HIDDEN, network.LOGIT))


@pytest.mark.parametrize("last", [0, 12])
def test_a_step_moves_what_is_open_and_nothing_else(last, make_picture):
    """Batch norms above all: in training mode they would follow the small new batches."""
    model = network.build(tiny.NAME, image_size=32, dropout=0.0)
    tiny.randomise(model)
    network.unfreeze(model, last)
    model.compile(keras.optimizers.SGD(0.1), keras.losses.BinaryCrossentropy(from_logits=True))
    before = {v.path: w for v, w in zip(model.variables, weights_of(model), strict=True)}
    images = np.stack([make_picture(seed, 32, 32) for seed in range(4)])
    model.train_on_batch(images, np.array([[0.0], [1.0], [1.0], [1.0]]))
    after = {v.path: w for v, w in zip(model.variables, weights_of(model), strict=True)}
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    assert not {path for path in moved if "_bn/" in path}
    assert moved == {v.path for v in model.trainable_variables}
    assert ("last_conv/depthwise_kernel" in moved) == (last > 0)


def test_training_from_scratch_opens_everything():
    model = network.build(tiny.NAME, image_size=32)
    network.freeze(model)
    network.unfreeze_all(model)
    assert all(layer.trainable for layer in model.layers)


@pytest.mark.parametrize(("steps", "momentum"), [(3, 0.9), (400, 0.975), (9000, 0.99)])
def test_averages_of_batch_norms_reach_over_a_tenth_of_an_epoch(steps, momentum):
    model = network.build(tiny.NAME, image_size=32)
    network.average_norms(model, steps)
    norms = [l for l in model.layers if isinstance(l, keras.layers.BatchNormalization)]
    assert {norm.momentum for norm in norms} == {momentum}


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


def test_hidden_units_that_sleep_are_woken_and_the_answers_stay(xception):
    """Features that are all positive put about half of a random head to sleep."""
    model = keras.models.clone_model(xception)
    head = network.head(model)
    features = np.random.default_rng(1).uniform(0.5, 1.0, (64, 2048)).astype(np.float32)
    before = head.predict(features, verbose=0)
    kernel, bias = model.get_layer(network.HIDDEN).get_weights()
    asleep = ~np.any(features @ kernel + bias > 0, axis=0)
    assert 50 < asleep.sum() < 206
    assert network.revive(model, features) == asleep.sum()
    np.testing.assert_allclose(head.predict(features, verbose=0), before, atol=1e-5)
    woken, bias = model.get_layer(network.HIDDEN).get_weights()
    awake = np.mean(features @ woken + bias > 0, axis=0)[asleep]
    assert awake.min() > 0.2
    assert awake.max() < 0.8
    np.testing.assert_array_equal(woken[:, ~asleep], kernel[:, ~asleep])
    assert network.revive(model, features) == 0
