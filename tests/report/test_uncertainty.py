"""Is the detector as sure as it may be? Against hand-made curves, brute force and scipy."""

import json
from itertools import permutations

import numpy as np
import pytest
import scipy.stats

from src.report.uncertainty import entropy, measure, risk_coverage


def scored(count, sure, right, seed=0):
    """Return labels and `p_fake` of answers with one confidence and a share of right ones."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    is_right = rng.permutation(count) < right * count
    return labels, np.where((labels == 1) == is_right, sure, 1 - sure)


def test_entropy_is_that_of_scipy_in_bits():
    p_fake = np.array([0.0, 1e-9, 0.2, 0.5, 0.9, 1.0])
    reference = [scipy.stats.entropy([p, 1 - p], base=2) for p in p_fake]
    np.testing.assert_allclose(entropy(p_fake), reference, atol=1e-12)
    assert entropy(np.array([0.0, 0.5, 1.0])).tolist() == [0.0, 1.0, 0.0]


def test_right_and_wrong_answers_have_their_own_entropy():
    labels, p_fake = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.9, 0.8])
    found = measure(labels, p_fake)
    bits = [scipy.stats.entropy([p, 1 - p], base=2) for p in p_fake]
    assert found.entropy_right == pytest.approx(np.mean([bits[0], bits[2], bits[3]]))
    assert found.entropy_wrong == pytest.approx(bits[1])
    assert measure(labels, 0.9 * labels).entropy_wrong is None
    assert measure(1 - labels, 0.9 * labels).entropy_right is None


def test_risk_is_the_error_among_the_surest():
    confidence, wrong = np.array([0.6, 0.9, 0.7, 0.8]), np.array([True, False, False, True])
    coverage, risk = risk_coverage(confidence, wrong)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])


def test_ties_count_as_the_mean_over_every_order():
    confidence = np.array([0.9, 0.8, 0.8, 0.8, 0.6])
    wrong = np.array([True, False, True, False, False])
    orders = [(0, *some, 4) for some in permutations((1, 2, 3))]
    by_hand = np.mean([np.cumsum(wrong[list(order)]) / np.arange(1, 6) for order in orders], axis=0)
    np.testing.assert_allclose(risk_coverage(confidence, wrong)[1], by_hand)


def test_area_under_the_curve_by_hand():
    """Sorted by confidence: right, wrong, right, wrong; the wrong ones last at best."""
    labels, p_fake = np.array([0, 0, 1, 1]), np.array([0.1, 0.8, 0.7, 0.4])
    found = measure(labels, p_fake)
    assert found.aurc.value == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    assert found.aurc_best == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)


def test_without_an_order_the_area_is_the_error_rate():
    labels, p_fake = scored(40, sure=0.75, right=0.7)
    found = measure(labels, p_fake)
    assert found.aurc.value == pytest.approx(0.3)
    assert found.aurc_best < 0.1


def test_area_is_the_best_possible_where_the_mistakes_are_the_least_sure():
    labels = np.arange(50) % 2
    wrong = np.arange(50) < 10
    sure = np.linspace(0.51, 0.99, 50)
    found = measure(labels, np.where((labels == 1) != wrong, sure, 1 - sure))
    assert found.aurc.value == pytest.approx(found.aurc_best)
    worst = measure(labels, np.where((labels == 1) != wrong, sure[::-1], 1 - sure[::-1]))
    assert worst.aurc.value > 5 * found.aurc_best


def test_intervals_are_those_of_drawing_images_anew():
    """An image that is drawn twice comes in twice, with its own ties."""
    rng = np.random.default_rng(4)
    labels = np.arange(24) % 2
    p_fake = np.clip(rng.normal(0.4 + 0.2 * labels, 0.25), 0, 1).round(2)
    areas, gaps = [], []
    for _ in range(2000):
        drawn = np.concatenate([rng.choice(np.flatnonzero(labels == c), 12) for c in (0, 1)])
        again = measure_once(labels[drawn], p_fake[drawn])
        areas.append(again[0])
        gaps.append(again[1])
    found = measure(labels, p_fake)
    assert (found.aurc.low, found.aurc.high) == pytest.approx(
        np.quantile(areas, [0.025, 0.975]), abs=0.025
    )
    gap = found.overconfidence
    assert (gap.low, gap.high) == pytest.approx(np.quantile(gaps, [0.025, 0.975]), abs=0.025)


def measure_once(labels, p_fake):
    """Return area and overconfidence in plain loops; equals of one confidence share their error."""
    sure = np.maximum(p_fake, 1 - p_fake)
    wrong = (p_fake >= 0.5) != labels
    shared = np.array([np.mean(wrong[sure == one]) for one in sure])
    in_order = shared[np.argsort(-sure, kind="stable")]
    risks = [np.mean(in_order[: k + 1]) for k in range(len(labels))]
    return np.mean(risks), sure.mean() - 1 + wrong.mean()


@pytest.mark.parametrize(
    ("sure", "right", "said"),
    [
        (0.95, 0.7, "it is over-confident."),
        (0.55, 0.95, "it is under-confident."),
        (0.8, 0.8, "neither over- nor under-confident beyond doubt."),
    ],
)
def test_it_says_whether_it_is_as_sure_as_it_may_be(sure, right, said):
    found = measure(*scored(200, sure, right))
    assert found.overconfidence.value == pytest.approx(sure - right)
    assert found.sentence == (
        f"It is {sure:.1%} sure of its answers on average, and right in {right:.1%}: {said}"
    )


def test_few_images_say_nothing_beyond_doubt():
    assert "over-confident." in measure(*scored(1000, 0.9, 0.8)).sentence
    assert "neither" in measure(*scored(20, 0.9, 0.8)).sentence


def test_copies_of_images_do_not_make_the_intervals_narrower():
    labels, p_fake = scored(40, 0.9, 0.8)
    groups = [str(i % 40) for i in range(400)]
    alone = measure(labels, p_fake)
    copied = measure(np.tile(labels, 10), np.tile(p_fake, 10), groups)
    for one, other in (
        (alone.overconfidence, copied.overconfidence),
        (alone.aurc, copied.aurc),
    ):
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.15)


def test_same_seed_same_interval():
    labels, p_fake = scored(60, 0.9, 0.8)
    assert measure(labels, p_fake, seed=3) == measure(labels, p_fake, seed=3)
    assert measure(labels, p_fake, seed=3) != measure(labels, p_fake, seed=4)


def test_it_is_plain_json_with_its_sentence():
    found = measure(*scored(20, 0.9, 1.0))
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert read["sentence"] == found.sentence
    assert read["entropy_wrong"] is None
    assert set(read["aurc"]) == {"value", "low", "high"}
