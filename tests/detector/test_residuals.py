import keras
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from src import InputError
from src.detector import network, residuals
from src.detector.evidence import with_evidence
from src.training import precision, trainable

SIZE = 142


@pytest.fixture(scope="module")
def images(rough_pictures):
    return rough_pictures


@pytest.fixture(scope="module")
def model(residual_network):
    return residual_network


def map_of(model):
    return keras.Model(model.input, model.get_layer(residuals.MAP).output)


def histogram(image):
    """Count as the papers do, in plain loops: `(3 channels, 3 orders, 7, 7, 7)`."""
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    counts = np.zeros((3, 3, 7, 7, 7))
    for number, channel in enumerate((green, red - green, blue - green)):
        for lines in (channel[2:-3], channel.T[2:-3]):
            for line in lines:
                for order in (1, 2, 3):
                    left = np.clip(np.diff(line[: len(line) - 3 + order], order), -3, 3) + 3
                    for triple in zip(left, left[1:], left[2:], strict=False):
                        counts[number, order - 1][triple] += 1
    return counts / counts[0, 0].sum()


def test_the_table_weighs_the_histogram_of_triples(images):
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(residuals.KINDS * residuals.TRIPLES, residuals.UNITS))
    image = images[7]
    seen = keras.Input((SIZE, SIZE, 3))
    looked_up = keras.Model(seen, residuals._looked_up(seen, 1))
    looked_up.get_layer(residuals.TABLE).set_weights([numbers])
    expected = residuals.GAIN * histogram(image).ravel() @ numbers / residuals.KINDS
    np.testing.assert_allclose(
        looked_up.predict_on_batch(image[None])[0, 0, 0], expected, atol=5e-4
    )


def test_a_strange_picture_does_not_drown_the_others(images):
    """Where each pixel is a triple that the table holds to be thousands away."""
    numbers = np.full((residuals.KINDS * residuals.TRIPLES, residuals.UNITS), 14_000.0)
    seen = keras.Input((SIZE, SIZE, 3))
    looked_up = keras.Model(seen, residuals._looked_up(seen, 1))
    looked_up.get_layer(residuals.TABLE).set_weights([numbers])
    np.testing.assert_array_equal(
        looked_up.predict_on_batch(images[:1]), residuals.GAIN * residuals.FARTHEST
    )


def test_a_begun_table_says_what_sets_images_apart(model, images):
    units = map_of(model).predict(images, verbose=0)[..., -residuals.UNITS :].mean(axis=(1, 2))
    units /= residuals.GAIN
    # Not quite 0 and 1: the last pixels are in no cell.
    assert np.abs(units.mean(axis=0)).max() < 0.1
    np.testing.assert_allclose(units.std(axis=0)[:3], 1, atol=0.2)
    roughness = np.abs(np.diff(images.astype(int), axis=2)).mean(axis=(1, 2, 3))
    assert max(abs(spearmanr(unit, roughness).statistic) for unit in units[:, :3].T) > 0.6


def test_the_first_column_tells_a_source_s_fakes_from_its_reals(images):
    """Every third picture is of a source whose fakes are enlarged; the others do not count."""
    shown = images.copy()
    sides = np.zeros(len(shown), int)
    sides[::3] = np.where(np.arange(len(sides[::3])) % 2, 1, -1)
    fakes = sides == 1
    shown[fakes] = np.repeat(shown[fakes][:, :, ::2], 2, axis=2)
    numbers = residuals.fitted([shown], [sides])
    seen = keras.Input((SIZE, SIZE, 3))
    looked_up = keras.Model(seen, residuals._looked_up(seen, 1))
    looked_up.get_layer(residuals.TABLE).set_weights([numbers])
    said = looked_up.predict(shown, verbose=0)[:, 0, 0, 0]
    assert roc_auc_score(sides[sides != 0], said[sides != 0]) > 0.95
    assert np.std(said) == pytest.approx(residuals.GAIN, rel=0.2)


def test_squares_at_which_table_and_xception_do_not_fit_are_refused(model):
    """The cells of the table have as many pixels as at full size."""
    network.of_any_size(model, [SIZE])
    with pytest.raises(InputError, match="--crop 138: .*images of 142"):
        network.of_any_size(model, [SIZE, 138])


def test_xception_sees_half_the_size(model, images):
    coarse = images[:4].reshape(4, SIZE // 2, 2, SIZE // 2, 2, 3).mean(axis=(2, 4))
    plain = network.build("xception", image_size=SIZE // 2)
    last = keras.Model(plain.input, plain.get_layer(residuals.XCEPTION_END).output)
    ours = keras.Model(model.input, model.get_layer(residuals.XCEPTION_END).output)
    last.set_weights(ours.get_weights())
    np.testing.assert_allclose(
        ours.predict(images[:4], verbose=0), last.predict(coarse, verbose=0), atol=1e-5
    )


def test_half_precision_sees_the_same_triples(images, model):
    """Whole numbers: a rounded difference would be another triple."""
    with precision.computing_in("bfloat16"):
        half = network.build(residuals.NAME, image_size=SIZE)
    half.set_weights(model.get_weights())
    ours, theirs = (
        map_of(m).predict(images[:8], verbose=0)[..., -residuals.UNITS :] for m in (model, half)
    )
    np.testing.assert_allclose(np.asarray(theirs, np.float32), ours, rtol=0.01, atol=1e-3)


def test_the_evidence_takes_in_both(model, images):
    said = with_evidence(model).predict(images[:4], verbose=0)
    np.testing.assert_allclose(
        said["evidence"].sum(axis=(1, 2)) + said["bias"], said["logit"], atol=1e-4
    )
    before = said["logit"]
    table = residuals.table_of(model)
    kept = table.get_weights()
    table.set_weights([np.zeros_like(kept[0])])
    changed = with_evidence(model).predict(images[:4], verbose=0)["logit"]
    table.set_weights(kept)
    assert np.abs(changed - before).max() > 1e-3


def test_a_saved_network_loads_without_this_project(model, images, tmp_path, python):
    network.probability(model).save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images[:2])
    code = (
        "import keras, numpy as np;"
        "m = keras.models.load_model('model.keras');"
        "print(*m.predict(np.load('images.npy'), verbose=0)[:, 0])"
    )
    found = [float(word) for word in python("-c", code, cwd=tmp_path).stdout.split()]
    expected = network.probability(model).predict(images[:2], verbose=0)[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_it_begins_with_the_answers_of_an_xception_without_it(images, tmp_path):
    plain = network.build("xception", image_size=SIZE // 2)
    network.probability(plain).save(tmp_path / "model.keras")
    widened = network.build(residuals.NAME, image_size=SIZE, weights=tmp_path / "model.keras")
    assert residuals.is_empty(widened)
    residuals.table_of(widened).set_weights([residuals.fitted([images], [])])
    coarse = images[:4].reshape(4, SIZE // 2, 2, SIZE // 2, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(
        widened.predict(images[:4], verbose=0), plain.predict(coarse, verbose=0), atol=1e-5
    )


def test_what_it_has_learnt_is_taken_up(model, images, tmp_path):
    network.probability(model).save(tmp_path / "model.keras")
    again = network.build(residuals.NAME, image_size=SIZE, weights=tmp_path / "model.keras")
    assert not residuals.is_empty(again)
    np.testing.assert_allclose(
        again.predict(images[:4], verbose=0), model.predict(images[:4], verbose=0), atol=1e-5
    )


def test_imagenet_weights_of_xception_fit(tmp_path):
    plain = network.build("xception", image_size=SIZE // 2)
    body = keras.Model(plain.input, plain.get_layer(residuals.XCEPTION_END).output)
    body.save_weights(tmp_path / "xception.weights.h5")
    model = network.build(residuals.NAME, image_size=SIZE, weights=tmp_path / "xception.weights.h5")
    image, half = (np.full((1, side, side, 3), 100.0) for side in (SIZE, SIZE // 2))
    ours = keras.Model(model.input, model.get_layer(residuals.XCEPTION_END).output)
    np.testing.assert_allclose(
        ours.predict(image, verbose=0), body.predict(half, verbose=0), atol=1e-5
    )


@pytest.mark.parametrize(
    "opened", [trainable.unfreeze_all, lambda model: trainable.unfreeze(model, 40)]
)
def test_the_table_stays_as_it_is(model, opened):
    opened(model)
    assert not residuals.table_of(model).trainable
    assert model.get_layer("block14_sepconv2").trainable
