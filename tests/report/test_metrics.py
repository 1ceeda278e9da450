import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from src.intervals import Estimate, auc
from src.report.metrics import measure


@pytest.fixture
def scored():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 150)
    # Rounded, so that there are ties within and between the classes.
    return labels, np.clip(0.5 + 0.2 * (labels - 0.5) + rng.normal(0, 0.2, 150), 0, 1).round(2)


def test_numbers_are_those_of_scikit_learn(scored):
    labels, p_fake = scored
    measured = measure(labels, p_fake)
    assert measured.auc.value == pytest.approx(roc_auc_score(labels, p_fake), abs=1e-12)
    assert measured.accuracy.value == pytest.approx(accuracy_score(labels, p_fake >= 0.5))
    assert measured.confusion == confusion_matrix(labels, p_fake >= 0.5).tolist()
    called = p_fake >= 0.5
    for label, name in enumerate(("real", "fake")):
        precision, recall, f1, _ = precision_recall_fscore_support(
            labels, called, labels=[label], zero_division=0
        )
        for key, value in (("precision", precision), ("recall", recall), ("f1", f1)):
            assert getattr(measured, f"{key}_{name}").value == pytest.approx(value[0]), key
    expected = {
        "average_precision": average_precision_score(labels, p_fake),
        "balanced_accuracy": balanced_accuracy_score(labels, called),
        "brier": brier_score_loss(labels, p_fake),
        "log_loss": log_loss(labels, np.clip(p_fake, 1e-12, 1 - 1e-12)),
    }
    for key, value in expected.items():
        assert getattr(measured, key).value == pytest.approx(value, abs=1e-9), key
    assert (measured.images, measured.real, measured.fake) == (
        150,
        (labels == 0).sum(),
        (labels == 1).sum(),
    )


@pytest.mark.parametrize(
    ("p_fake", "wanted"), [([0.1, 0.2, 0.9], 1.0), ([0.9, 0.8, 0.1], 0.0), ([0.5] * 3, 0.5)]
)
def test_auc_at_its_ends_and_with_ties(p_fake, wanted):
    assert auc(np.array([0, 0, 1]), np.array(p_fake)) == wanted


def test_thresholds_are_those_of_the_roc_curve(scored):
    labels, p_fake = scored
    measured = measure(labels, p_fake)
    fall_out, recall, thresholds = roc_curve(labels, p_fake, drop_intermediate=False)
    best = np.argmax(recall - fall_out)
    assert measured.youden_index.value == pytest.approx((recall - fall_out)[best])
    assert measured.youden_threshold.value == pytest.approx(thresholds[best])
    crossing = np.interp(0, fall_out - (1 - recall), fall_out)
    assert measured.equal_error_rate.value == pytest.approx(crossing, abs=1e-9)


@pytest.mark.parametrize(
    ("p_fake", "rate"), [([0.1, 0.2, 0.8, 0.9], 0.0), ([0.9, 0.8, 0.2, 0.1], 1.0), ([0.3] * 4, 0.5)]
)
def test_equal_error_rate_at_its_ends(p_fake, rate):
    measured = measure(np.array([0, 0, 1, 1]), np.array(p_fake))
    assert measured.equal_error_rate.value == pytest.approx(rate)


def test_calibration_error_is_the_distance_to_the_shares():
    p_fake = np.repeat([0.1, 0.9], 50)
    labels = np.repeat([0, 1, 0, 1], [40, 10, 15, 35])
    measured = measure(labels, p_fake)
    expected = 0.5 * abs(0.1 - 0.2) + 0.5 * abs(0.9 - 0.7)
    assert measured.ece_width.value == pytest.approx(expected)
    assert measured.ece_mass.value == pytest.approx(expected)
    rng = np.random.default_rng(0)
    honest = rng.random(20_000)
    kept = measure((rng.random(20_000) < honest).astype(int)[:5000], honest[:5000])
    assert kept.ece_width.value < 0.03
    assert kept.ece_mass.value < 0.03


def test_groups_make_intervals_wider(scored):
    labels, p_fake = scored
    pairs = [str(index % 150) for index in range(600)]
    copies = np.tile(labels, 4), np.tile(p_fake, 4)
    alone, grouped = measure(*copies), measure(*copies, groups=pairs)
    for name in ("accuracy", "f1_fake", "log_loss", "ece_width"):
        wide, narrow = getattr(grouped, name), getattr(alone, name)
        assert wide.value == narrow.value
        assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low), name


def test_half_counts_as_fake():
    assert measure(np.array([0, 1]), np.array([0.5, 0.5])).confusion == [[0, 1], [0, 1]]


def test_intervals_hold_the_value_and_narrow_with_the_number_of_images(scored):
    labels, p_fake = scored
    few, many = measure(labels, p_fake), measure(np.tile(labels, 9), np.tile(p_fake, 9))
    for measured in (few, many):
        for estimate in (measured.auc, measured.accuracy):
            assert 0 <= estimate.low < estimate.value < estimate.high <= 1
    assert few.auc.high - few.auc.low > 2 * (many.auc.high - many.auc.low)


def test_interval_is_about_as_wide_as_theory_says():
    """Hanley & McNeil 1982: the standard error of the AUC, here of 200 and 200 normal scores."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200)
    measured = measure(labels, 1 / (1 + np.exp(-(labels + rng.normal(0, 1, 400)))))
    value = measured.auc.value
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + 199 * (q1 - value**2) + 199 * (q2 - value**2)
    width = 2 * 1.96 * (spread / 200**2) ** 0.5
    assert measured.auc.high - measured.auc.low == pytest.approx(width, rel=0.15)


def test_same_seed_same_interval(scored):
    assert measure(*scored, seed=1) == measure(*scored, seed=1)
    assert measure(*scored, seed=1).auc != measure(*scored, seed=2).auc


def test_metrics_are_plain_json(scored):
    facts = json.loads(json.dumps(asdict(measure(*scored)), allow_nan=False))
    assert {"images", "real", "fake", "auc", "accuracy", "confusion"} <= set(facts)
    assert set(facts["auc"]) == {"value", "low", "high"}


def test_estimate_reads_well():
    assert str(Estimate(0.91234, 0.8, 0.95)) == "0.912 [0.800, 0.950]"
