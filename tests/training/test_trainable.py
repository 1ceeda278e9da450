import keras
import numpy as np
import pytest
import tiny

from src.detector import network
from src.training import trainable


def weights_of(model):
    return [np.array(v.numpy()) for v in model.variables]


@pytest.fixture(scope="module")
def full_size():
    return network.build()


def test_warm_up_trains_the_head_alone(full_size):
    trainable.freeze(full_size)
    assert sum(int(np.prod(v.shape)) for v in full_size.trainable_variables) == 524_801


def test_unfreezing_opens_exactly_the_last_layers_but_batch_norms(full_size):
    before = weights_of(full_size)
    trainable.unfreeze(full_size, 40)
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
    trainable.unfreeze(model, last)
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
    trainable.unfreeze(model, last)
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
    trainable.freeze(model)
    trainable.unfreeze_all(model)
    assert all(layer.trainable for layer in model.layers)


@pytest.mark.parametrize(("steps", "momentum"), [(3, 0.9), (400, 0.975), (9000, 0.99)])
def test_averages_of_batch_norms_reach_over_a_tenth_of_an_epoch(steps, momentum):
    model = network.build(tiny.NAME, image_size=32)
    trainable.average_norms(model, steps)
    norms = [l for l in model.layers if isinstance(l, keras.layers.BatchNormalization)]
    assert {norm.momentum for norm in norms} == {momentum}


def test_hidden_units_that_sleep_are_woken_and_the_answers_stay(xception):
    """Features that are all positive put about half of a random head to sleep."""
    model = keras.models.clone_model(xception)
    head = network.head(model)
    features = np.random.default_rng(1).uniform(0.5, 1.0, (64, 2048)).astype(np.float32)
    before = head.predict(features, verbose=0)
    kernel, bias = model.get_layer(network.HIDDEN).get_weights()
    asleep = ~np.any(features @ kernel + bias > 0, axis=0)
    assert 50 < asleep.sum() < 206
    assert trainable.revive(model, features) == asleep.sum()
    np.testing.assert_allclose(head.predict(features, verbose=0), before, atol=1e-5)
    woken, bias = model.get_layer(network.HIDDEN).get_weights()
    awake = np.mean(features @ woken + bias > 0, axis=0)[asleep]
    assert awake.min() > 0.2
    assert awake.max() < 0.8
    np.testing.assert_array_equal(woken[:, ~asleep], kernel[:, ~asleep])
    assert trainable.revive(model, features) == 0
