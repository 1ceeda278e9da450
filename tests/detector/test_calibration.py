"""Promises of error rates, checked against what happens."""

import math

import numpy as np
import pytest

from src.detector import calibration
from src.detector.calibration import Calibration, calibrate


def made(real, fake, **options):
    """Calibrate on one source without groups."""
    logits = np.concatenate([real, fake]).astype(float)
    labels = np.repeat([0, 1], [len(real), len(fake)])
    groups = [str(index) for index in range(len(logits))]
    return calibrate(logits, labels, ["set"] * len(logits), groups, **options)


def raw(calibrated: Calibration) -> tuple[float, float]:
    """Return both thresholds as logits."""
    return (
        calibrated.t_fake * calibrated.temperature,
        calibrated.t_real * calibrated.temperature,
    )


def test_thresholds_are_the_promised_order_statistics():
    real, fake = np.arange(199.0), np.arange(39.0) + 150
    t_fake, t_real = raw(made(real, fake))
    assert t_fake == pytest.approx(np.sort(real)[math.ceil(200 * 0.99) - 1])
    assert t_real == pytest.approx(np.sort(fake)[math.floor(40 * 0.05) - 1])


def test_smallest_sets_that_can_keep_the_promise():
    assert (calibration.needed(0.01), calibration.needed(0.05)) == (99, 19)
    found = made(np.arange(99.0), np.arange(19.0) + 50)
    assert (found.false_fake.rate, found.false_real.rate) == (0.01, 0.05)
    assert raw(found) == pytest.approx((98.0, 50.0))


@pytest.mark.parametrize(("reals", "fakes"), [(98, 19), (99, 18), (10, 5), (1, 1)])
def test_too_few_images_make_a_weaker_promise(reals, fakes):
    found = made(np.arange(float(reals)), np.arange(float(fakes)))
    assert found.false_fake.rate == pytest.approx(max(0.01, 1 / (reals + 1)))
    assert found.false_real.rate == pytest.approx(max(0.05, 1 / (fakes + 1)))
    assert (found.false_fake.asked, found.false_fake.needed) == (0.01, 99)
    assert (found.false_real.asked, found.false_real.needed) == (0.05, 19)


def test_thresholds_that_cross_meet_in_the_middle():
    found = made(np.arange(99.0), np.arange(19.0) + 200)
    assert raw(found) == pytest.approx((149.0, 149.0))
    assert found.t_fake == found.t_real


def test_ties_and_saturated_scores_keep_the_promise():
    found = made(np.full(200, 30.0), np.full(100, 30.0))
    assert raw(found) == pytest.approx((30.0, 30.0))
    assert not 30.0 / found.temperature > found.t_fake
    assert not 30.0 / found.temperature < found.t_real


def test_the_promise_holds_on_average_and_its_bound_mostly():
    """On new images of the same kind, over many calibration sets."""
    rng = np.random.default_rng(0)
    rates, within = [], []
    for _ in range(300):
        found = made(rng.normal(-1, 1, 120), rng.normal(1, 1, 60), max_false_fake=0.05)
        t_fake, t_real = raw(found)
        from statistics import NormalDist

        false_fake = 1 - NormalDist(-1, 1).cdf(t_fake)
        rates.append((false_fake, NormalDist(1, 1).cdf(t_real)))
        within.append(false_fake <= found.false_fake.bound)
    mean, error = np.mean(rates, axis=0), np.std(rates, axis=0) / np.sqrt(len(rates))
    assert (mean <= 0.05 + 2 * error).all()
    # Not by calling everything inconclusive.
    assert (mean >= 0.03).all()
    assert 0.9 <= np.mean(within) <= 0.99


def test_the_strictest_source_decides_and_small_ones_are_named():
    real = {"a": np.arange(99.0), "b": np.arange(99.0) + 7, "small": np.arange(20.0) + 500}
    logits = np.concatenate([*real.values(), np.arange(40.0) + 60])
    sources = [name for name, values in real.items() for _ in values] + ["a"] * 40
    labels = np.repeat([0, 1], [218, 40])
    found = calibrate(logits, labels, sources, list(map(str, range(258))))
    assert raw(found)[0] == pytest.approx(105.0)
    assert (found.false_fake.source, found.false_fake.count) == ("b", 99)
    assert found.false_fake.too_small == {"small": 20}
    assert found.scores["real"]["a"] == real["a"].tolist()


def test_a_group_counts_once_a_class_by_an_image_that_the_seed_draws():
    groups = [f"video {index // 4}" for index in range(40)]
    labels = np.tile([0, 0, 1, 1], 10)
    picks = [calibration.one_of_each_group(labels, groups, seed) for seed in (0, 0, 1)]
    assert picks[0].tolist() == picks[1].tolist() != picks[2].tolist()
    for index in picks:
        assert len(index) == 20
        assert len({(groups[i], labels[i]) for i in index}) == 20


def test_every_source_counts_an_image_of_a_group_that_it_shares():
    """As in FaceForensics++: each film has fakes by four methods, and thresholds are by method."""
    films, methods = 60, 4
    labels = np.tile([0] + methods * [1], films)
    sources = films * ["real", *(f"method {n}" for n in range(methods))]
    groups = [f"film {n}" for n in np.repeat(np.arange(films), 1 + methods)]
    logits = np.random.default_rng(0).normal(size=len(labels)) + labels
    found = calibration.calibrate(logits, labels, sources, groups)
    assert {name: len(some) for name, some in found.scores["fake"].items()} == {
        f"method {n}": films for n in range(methods)
    }
    assert not found.false_real.too_small


def test_temperature_undoes_what_a_logit_was_multiplied_by():
    rng = np.random.default_rng(1)
    true = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-true))).astype(int)
    assert calibration.fit_temperature(3 * true, labels) == pytest.approx(3, rel=0.1)
    assert calibration.fit_temperature(true / 2, labels) == pytest.approx(0.5, rel=0.1)
    apart = calibration.fit_temperature(np.array([-1.0, 1.0]), np.array([0, 1]))
    assert apart == pytest.approx(calibration.TEMPERATURES[0], rel=0.1)


@pytest.mark.parametrize("faces", range(1, 11))
def test_false_alarms_do_not_grow_with_the_number_of_faces(faces):
    rng = np.random.default_rng(faces)
    alarms = []
    for _ in range(20):
        found = made(rng.normal(size=1200), rng.normal(3, 1, 40))
        alarms += [any(found.rejected(rng.normal(size=faces))) for _ in range(100)]
    assert np.mean(alarms) <= 0.01 + 3 * np.sqrt(0.01 / len(alarms))


def test_one_fake_among_many_faces_is_still_found():
    rng = np.random.default_rng(3)
    found = made(rng.normal(size=1200), rng.normal(5, 1, 40))
    power = {
        faces: np.mean([found.rejected([6.0, *rng.normal(size=faces - 1)])[0] for _ in range(50)])
        for faces in (1, 2, 5, 10)
    }
    assert min(power.values()) > 0.95, power


def test_more_faces_than_the_calibration_set_allows():
    found = made(np.arange(200.0), np.arange(40.0))
    assert found.rejected([500.0, 0.0]) == [True, False]
    assert found.rejected([500.0, 0.0, 0.0]) is None
    assert found.p_value(500.0, 1) == pytest.approx(1 / 201)


def test_what_is_written_down_is_taken_up_again():
    import json

    found = made(np.arange(120.0), np.arange(30.0))
    assert Calibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("logit", [-2000.0, -3.0, 0.0, 3.0, 2000.0])
def test_probabilities_of_extreme_logits(logit):
    with np.errstate(all="raise"):
        found = calibration.probability(np.array([logit], np.float32))
    assert found == pytest.approx(1 / (1 + np.exp(np.clip(-logit, -700, 700))))
