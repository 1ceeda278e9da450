"""Intervals that know which images belong together."""

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import roc_auc_score

from src import intervals


def scores(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    return labels, np.round(labels + rng.normal(0, 1.2, count), 1)


def test_without_groups_images_are_drawn_one_by_one_within_their_class():
    labels, _ = scores(300)
    drawn = np.array(list(intervals.resamples(labels)))
    assert drawn.shape == (intervals.RESAMPLES, 300)
    assert (drawn[:, labels == 1].sum(axis=1) == 150).all()
    # Poisson-like counts: a third of the images is left out of each resample.
    assert np.mean(drawn == 0) == pytest.approx(np.exp(-1), abs=0.01)


def test_interval_of_the_auc_is_that_of_drawing_images():
    labels, values = scores(300)
    rng = np.random.default_rng(5)
    plain = []
    for _ in range(1000):
        chosen = np.concatenate([rng.choice(np.flatnonzero(labels == c), 150) for c in (0, 1)])
        plain.append(roc_auc_score(labels[chosen], values[chosen]))
    grouped = intervals.auc_over_groups(labels, values, [str(i) for i in range(300)])
    assert grouped.value == pytest.approx(roc_auc_score(labels, values))
    assert (grouped.low, grouped.high) == pytest.approx(intervals.interval(plain), abs=0.02)


def test_copies_of_images_do_not_make_the_interval_narrower():
    labels, values = scores(60)
    alone = intervals.auc_over_groups(labels, values, [str(i) for i in range(60)])
    groups = [str(i % 60) for i in range(60 * 20)]
    copied = intervals.auc_over_groups(np.tile(labels, 20), np.tile(values, 20), groups)
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))


def test_groups_with_both_classes_are_drawn_whole():
    labels, values = scores(200)
    estimate = intervals.auc_over_groups(labels, values, [str(i // 2) for i in range(200)])
    assert estimate.low < estimate.value < estimate.high


@pytest.mark.parametrize(("hits", "total"), [(0, 1), (1, 1), (0, 20), (3, 20), (17, 20), (20, 20)])
def test_interval_of_a_share_is_that_of_clopper_and_pearson(hits, total):
    found = intervals.share(hits, total)
    low = beta.ppf(0.025, hits, total - hits + 1) if hits else 0
    high = beta.ppf(0.975, hits + 1, total - hits) if hits < total else 1
    assert (found.hits, found.total, found.value) == (hits, total, hits / total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_a_share_of_nothing_is_none():
    assert intervals.share(0, 0) is None


def test_a_share_reads_well():
    assert str(intervals.share(3, 20)) == "3 of 20: 15.0% [3.2%, 37.9%]"


def test_a_loss_of_auc_is_measured_on_the_same_resamples():
    labels, values = scores(300)
    groups = [str(i // 2) for i in range(300)]
    alike = values + 1e-3 * np.random.default_rng(1).normal(size=300)
    loss = intervals.auc_loss(labels, values, alike, groups)
    alone = intervals.auc_over_groups(labels, values, groups)
    assert loss.value == pytest.approx(alone.value - roc_auc_score(labels, alike))
    assert loss.low <= loss.value <= loss.high
    assert loss.high - loss.low < 0.1 * (alone.high - alone.low)
    worse = intervals.auc_loss(labels, values, -values, groups)
    assert worse.low > 0.2
