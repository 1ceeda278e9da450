"""Counting verdicts, and what a verdict is worth where fakes are rare."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from src.report import verdicts
from src.report.verdicts import PREVALENCES, count, predictive_values

NEVER = {"fake": 0, "inconclusive": 0, "real": 0}


def counted(real, fake):
    """Count so many verdicts of each kind, in the order fake, inconclusive, real."""
    words = [word for said in (real, fake) for word in np.repeat(verdicts.WORDS, said).tolist()]
    return count(np.repeat([0, 1], [sum(real), sum(fake)]), words)


def test_shares_are_of_their_class_and_of_what_was_decided():
    found = counted((2, 3, 15), (6, 3, 1))
    assert found.table == {
        "real": {"fake": 2, "inconclusive": 3, "real": 15},
        "fake": {"fake": 6, "inconclusive": 3, "real": 1},
    }
    shares = {
        "false_fake": (2, 20),
        "false_real": (1, 10),
        "true_fake": (6, 10),
        "inconclusive": (6, 30),
        "accuracy_decided": (21, 24),
    }
    for name, (hits, total) in shares.items():
        share = getattr(found, name)
        assert (share.hits, share.total) == (hits, total), name


def test_frames_of_one_video_fill_the_table_but_count_once():
    labels = np.array([0] * 6 + [1] * 4)
    words = ["fake"] * 5 + ["real"] + ["inconclusive"] * 3 + ["real"]
    found = count(labels, words, np.array([0, 5, 9]))
    assert found.table["real"] == NEVER | {"fake": 5, "real": 1}
    assert (found.false_fake.hits, found.false_fake.total) == (1, 2)
    assert (found.false_real.hits, found.false_real.total) == (1, 1)
    assert (found.inconclusive.hits, found.inconclusive.total) == (0, 3)


def test_a_class_without_images_has_no_rate():
    found = counted((1, 0, 3), (0, 0, 0))
    assert found.false_real is None and found.true_fake is None
    assert (found.false_fake.hits, found.table["fake"]) == (1, NEVER)
    assert counted((0, 0, 0), (1, 0, 3)).false_fake is None


def test_no_accuracy_where_nothing_was_decided():
    found = counted((0, 4, 0), (0, 5, 0))
    assert found.accuracy_decided is None
    assert found.inconclusive.value == 1


def test_counts_are_plain_json():
    read = json.loads(json.dumps(asdict(counted((1, 0, 3), (0, 0, 0))), allow_nan=False))
    assert read["false_fake"]["hits"] == 1 and read["false_real"] is None


def test_predictive_value_follows_by_the_rule_of_bayes():
    """Out of 10,000 with 1 % fakes: 80 of 100 are found, 99 of 9,900 are called so wrongly."""
    found = counted((10, 0, 990), (80, 0, 20))
    (at,) = (value for value in predictive_values(found) if value.prevalence == 0.01)
    assert at.value == pytest.approx(80 / (80 + 99))
    hits, alarms = found.true_fake, found.false_fake
    assert at.low == pytest.approx(0.01 * hits.low / (0.01 * hits.low + 0.99 * alarms.high))
    assert at.high == pytest.approx(0.01 * hits.high / (0.01 * hits.high + 0.99 * alarms.low))


def test_the_rarer_fakes_are_the_less_the_verdict_is_worth():
    values = predictive_values(counted((10, 0, 990), (80, 0, 20)))
    assert [one.prevalence for one in values] == list(PREVALENCES)
    for column in ("value", "low", "high"):
        assert (np.diff([getattr(one, column) for one in values]) > 0).all()
    assert all(one.low < one.value < one.high for one in values)


def test_frames_of_few_videos_do_not_make_the_predictive_value_certain():
    """A thousand frames of ten videos say what ten images say."""
    labels, videos = np.repeat([0, 1], 1000), np.arange(2000) // 100
    words = np.where((videos == 0) | (videos >= 12), "fake", "real").tolist()
    one_a_video = np.arange(0, 2000, 100)
    frames = predictive_values(count(labels, words, one_a_video))
    alone = predictive_values(count(labels[one_a_video], [words[i] for i in one_a_video]))
    assert frames == alone


def test_a_detector_without_alarms_may_still_raise_some():
    for one in predictive_values(counted((0, 0, 50), (40, 0, 10))):
        assert one.value == one.high == 1
        assert one.low < 0.95


@pytest.mark.parametrize(
    ("real", "fake"), [((0, 0, 9), (0, 0, 9)), ((3, 0, 6), (0, 0, 0)), ((0, 0, 0), (6, 0, 3))]
)
def test_no_predictive_value_where_nothing_can_be_said(real, fake):
    assert predictive_values(counted(real, fake)) == []


def test_an_alarm_is_worth_nothing_where_no_fake_is_found():
    assert {one.value for one in predictive_values(counted((3, 0, 6), (0, 0, 9)))} == {0}
