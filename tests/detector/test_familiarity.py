"""How far an image is from the training faces: two distances, in NumPy and inside a graph."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from src import InputError
from src.detector import familiarity, load, network
from src.detector.engines.runtimes import KerasEngine
from src.detector.familiarity import BEFORE_RELU, MAHALANOBIS, METHODS, NEAREST, choose, fit, limit
from src.intervals import auc

UNITS = 12


@pytest.fixture(scope="module")
def faces():
    """Return sums of 12 units, most of them below zero, that depend on each other."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 1, (400, UNITS)) @ rng.normal(0, 1, (UNITS, UNITS)) - 1.0


@pytest.mark.parametrize("before", ["", BEFORE_RELU])
def test_mahalanobis_is_what_the_books_say(faces, before):
    known = fit(faces, MAHALANOBIS + before)
    units = faces if before else np.maximum(faces, 0)
    precision = np.linalg.inv(LedoitWolf().fit(units).covariance_)
    apart = units - units.mean(axis=0)
    squared = np.einsum("ni,ij,nj->n", apart, precision, apart)
    np.testing.assert_allclose(known.distance(faces), np.sqrt(squared / UNITS), rtol=1e-3)


def test_nearest_is_the_distance_to_the_fifth_of_some_training_faces(faces, monkeypatch):
    monkeypatch.setattr(familiarity, "POINTS", 50)
    known = fit(faces, NEAREST + BEFORE_RELU, seed=3)
    assert known.points.shape == (50, UNITS)
    white = (faces[:7] - known.center) @ known.whitening
    apart = np.linalg.norm(white[:, None] - known.points, axis=2)
    np.testing.assert_allclose(known.distance(faces[:7]), np.sort(apart)[:, 4], rtol=1e-4)
    same, other = (fit(faces, NEAREST, seed=seed) for seed in (3, 4))
    assert np.array_equal(fit(faces, NEAREST, seed=3).points, same.points)
    assert not np.array_equal(same.points, other.points)


@pytest.mark.parametrize("method", METHODS)
def test_engine_and_numpy_agree_in_one_pass(tiny_model, detector, make_picture, method):
    import keras

    images = np.stack([make_picture(seed, 32, 32) for seed in range(40)])
    pooled = keras.ops.convert_to_numpy(network.extractor(tiny_model).predict_on_batch(images))
    sums = familiarity.sums(pooled, tiny_model)
    np.testing.assert_allclose(np.maximum(sums, 0), detector.hidden_units(images), atol=1e-4)
    known = fit(sums[:30], method)
    engine = KerasEngine(tiny_model, known)
    found, plain = engine.run(images), KerasEngine(tiny_model).run(images)
    assert found["unfamiliarity"].dtype == np.float32
    np.testing.assert_allclose(found["unfamiliarity"], known.distance(sums), rtol=2e-3, atol=1e-4)
    for name in plain:
        np.testing.assert_allclose(found[name], plain[name], atol=1e-5, err_msg=name)
    alone = np.concatenate([engine.run(image[None])["unfamiliarity"] for image in images[30:]])
    np.testing.assert_allclose(alone, found["unfamiliarity"][30:], rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_never_seen_is_further_away(faces, method):
    known = fit(faces[:300], method)
    assert np.median(known.distance(faces[300:] + 6.0)) > known.distance(faces[300:]).max()


@pytest.mark.parametrize("method", METHODS)
def test_units_that_are_always_silent_do_no_harm(faces, method):
    silent = faces.copy()
    silent[:, :4] = -1.0
    known = fit(silent, method)
    before = known.distance(silent)
    assert np.isfinite(before).all()
    silent[:, 0] = 5.0
    assert known.distance(silent).min() > np.median(before), "it speaks for the first time"
    nothing = fit(np.zeros((5, UNITS)), method)
    assert np.isfinite(nothing.distance(np.zeros((2, UNITS)))).all()


def ring(rng, count, radius=10.0):
    angles = rng.uniform(0, 2 * np.pi, count)
    return rng.normal(0, 0.1, (count, 2)) + radius * np.stack([np.cos(angles), np.sin(angles)], 1)


def test_the_distance_that_tells_sources_apart_is_chosen():
    rng = np.random.default_rng(0)
    # What lies inside a ring is near the mean and far from every point.
    sums = np.concatenate([ring(rng, 300), ring(rng, 300), ring(rng, 300, radius=0)]) + 50
    sources = np.repeat(["a", "b", "inside"], 300)
    found = choose(sums, sources, list(map(str, range(900))))
    assert found.method == NEAREST + BEFORE_RELU
    assert found.aucs[NEAREST]["inside"] > 0.95 > 0.1 > found.aucs[MAHALANOBIS]["inside"]
    assert set(found.aucs) == set(METHODS)
    assert set(found.aucs[MAHALANOBIS]) == {"a", "b", "inside"}
    # And a relu that silences what tells them apart is left out.
    silent = np.concatenate([rng.normal(0, 1, (600, UNITS)), rng.normal(4, 1, (300, UNITS))]) - 60
    silent[:, 0] = rng.normal(5, 1, 900)
    found = choose(silent, sources, list(map(str, range(900))))
    assert found.method.endswith(BEFORE_RELU)
    assert found.aucs[MAHALANOBIS + BEFORE_RELU]["inside"] > 0.95
    assert found.aucs[MAHALANOBIS]["inside"] < 0.6


def test_what_belongs_together_is_held_back_together():
    """Else a held-back face would have its twins among the points, and look familiar by that."""
    rng = np.random.default_rng(0)
    sums = np.repeat(rng.normal(0, 1, (60, UNITS)), 8, axis=0)
    groups = np.repeat(np.arange(60), 8).astype(str)
    sources = np.repeat(["a", "b"], 240)
    together = choose(sums, sources, groups).aucs[NEAREST + BEFORE_RELU]
    apart = choose(sums, sources, list(map(str, range(480)))).aucs[NEAREST + BEFORE_RELU]
    assert min(apart.values()) > 0.85 > 0.75 > max(together.values())


def test_with_one_source_there_is_nothing_to_choose_by(faces):
    found = choose(faces, ["a"] * len(faces), list(map(str, range(len(faces)))))
    assert found == familiarity.Choice(METHODS[0], {})
    assert METHODS[0].startswith(MAHALANOBIS)


def test_one_face_in_a_hundred_like_the_calibration_faces_is_unfamiliar():
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(300):
        found = limit(rng.gamma(9.0, size=150))
        rates.append(np.mean(rng.gamma(9.0, size=1000) > found.threshold))
    assert 0.003 < np.mean(rates) < 0.01
    assert limit([3.0, None, 5.0, 4.0]) == familiarity.Unfamiliar(5.0, 0.99, 3)
    assert limit([None, None]) is None
    assert limit([]) is None


def test_it_survives_the_way_to_disk(faces, tmp_path):
    known = fit(faces, NEAREST)
    facts = {"sha256": known.write(tmp_path)}
    again = familiarity.read(tmp_path, facts)
    assert (again.neighbours, again.rectified) == (known.neighbours, known.rectified)
    np.testing.assert_array_equal(again.distance(faces), known.distance(faces))
    assert familiarity.read(tmp_path, None) is None


def test_a_bundle_tells_how_unfamiliar_an_image_is(familiar_bundle, detector, make_picture):
    images = np.stack([make_picture(seed, 32, 32) for seed in (*range(30), *range(900, 930))])
    strange = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    scores = load(familiar_bundle).score(np.concatenate([images, strange]))
    assert scores.unfamiliarity.shape == (90,)
    assert auc(np.repeat([0, 1], [60, 30]), scores.unfamiliarity) > 0.95
    without = detector.score(images)
    assert without.unfamiliarity is None, "bundles without it go on as before"
    np.testing.assert_allclose(scores.logit[:60], without.logit, atol=1e-5)


@pytest.mark.parametrize("spoil", ["missing", "another"])
def test_a_spoiled_file_is_one_sentence(familiar_bundle, tmp_path, spoil):
    own = shutil.copytree(familiar_bundle, tmp_path / "own")
    path = own / familiarity.FILE
    if spoil == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="familiarity.npz is (missing|not the file)") as caught:
        load(own)
    assert "\n" not in str(caught.value)
    card = json.loads((own / "card.json").read_text())
    (own / "card.json").write_text(json.dumps(card | {"familiarity": None}))
    assert load(own).familiarity is None


def test_it_is_frozen(faces):
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit(faces, NEAREST).neighbours = 2
