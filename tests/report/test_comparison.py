"""Tests that two detectors differ, held against simulation and scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from src import InputError
from src.report.comparison import delong, mcnemar


def scores(rng, count, *, gain=0.0):
    """Return labels and two scores that share half of their noise."""
    labels = np.arange(count) % 2
    shared = rng.normal(size=count)
    first = labels + shared + rng.normal(size=count)
    return labels, first, (1 + gain) * labels + shared + rng.normal(size=count)


def test_areas_are_those_of_scikit_learn_with_ties():
    labels, first, second = scores(np.random.default_rng(0), 200)
    first = first.round(1)
    found = delong(labels, first, second)
    assert found.first == pytest.approx(roc_auc_score(labels, first))
    assert found.second == pytest.approx(roc_auc_score(labels, second))
    assert found.low < found.difference < found.high


def test_the_interval_is_as_wide_as_the_difference_varies():
    rng = np.random.default_rng(1)
    runs = [delong(*scores(rng, 200)) for _ in range(400)]
    spread = np.std([run.difference for run in runs])
    assert np.mean([(run.high - run.low) / 2 for run in runs]) == pytest.approx(
        1.96 * spread, rel=0.1
    )
    # Equally good detectors are told apart as often as the test allows, and no more.
    assert np.mean([run.p_value < 0.05 for run in runs]) == pytest.approx(0.05, abs=0.03)


def test_a_better_detector_is_told_from_a_worse_one():
    found = delong(*scores(np.random.default_rng(2), 1000, gain=1.0))
    assert found.p_value < 1e-6
    assert found.low > 0


def test_a_detector_does_not_differ_from_itself():
    labels, first, _ = scores(np.random.default_rng(3), 100)
    found = delong(labels, first, first)
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_comparing_needs_two_of_each_class():
    with pytest.raises(InputError, match="1 fake"):
        delong(np.array([0, 0, 1]), np.arange(3.0), np.arange(3.0))


def test_mcnemar_counts_what_only_one_gets_right():
    first = np.repeat([True, True, False, False], [50, 12, 3, 9])
    second = np.repeat([True, False, True, False], [50, 12, 3, 9])
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (12, 3)
    assert found.p_value == pytest.approx(binomtest(3, 15).pvalue)
    assert mcnemar(first, first).p_value == 1
