"""Is a promise kept? Told by scores whose promise is known to be kept, and known to be broken."""

import json
from collections import Counter
from dataclasses import replace

import answers
import numpy as np
import pytest

from src.detector import calibration
from src.evaluation import promise
from src.intervals import share


def videos(rng, per_source, frames=1, unlike=None):
    """Return real and fake videos of some sources whose frames all have one score.

    Args:
        per_source: how many videos of each class each source has.
        frames: of each video.
        unlike: how much higher the scores of real videos are, by source.
    """
    labels, logits, sources, groups = [], [], [], []
    for source, count in per_source.items():
        for label in (0, 1):
            shift = (unlike or {}).get(source, 0.0) * (label == 0)
            for number, logit in enumerate(rng.normal(2 * label - 1 + shift, 1, count)):
                labels += [label] * frames
                logits += [logit] * frames
                sources += [source] * frames
                groups += [f"{source}/{label}/{number}"] * frames
    return answers.judged(labels, logits, sources=sources, groups=groups)


def loosened(monkeypatch):
    """Calibrate with thresholds that are too low, as if by a slip in the order statistics."""
    right = calibration.calibrate

    def wrong(*arguments, **options):
        found = right(*arguments, **options)
        return replace(found, t_fake=found.t_fake - 1 / found.temperature)

    monkeypatch.setattr(calibration, "calibrate", wrong)


SETS = {
    "one source": ({"a": 150}, 1),
    "frames of videos": ({"a": 80, "b": 80}, 4),
    "an uneven mix": ({"a": 120, "b": 30}, 1),
}


@pytest.mark.parametrize(("per_source", "frames"), SETS.values(), ids=SETS.keys())
def test_the_promise_is_kept_on_average_for_images_of_one_kind(per_source, frames):
    found = promise.divide(videos(np.random.default_rng(0), per_source, frames), 0.05, 0.1)
    for rate, asked in zip(found.values(), (0.05, 0.1), strict=True):
        assert rate.promised == pytest.approx(asked, abs=0.01)
        assert rate.kept
        assert rate.low <= rate.mean <= rate.high
        # Not by calling everything inconclusive.
        assert rate.mean > asked / 4


@pytest.mark.parametrize(("per_source", "frames"), SETS.values(), ids=SETS.keys())
def test_a_broken_procedure_is_caught(monkeypatch, per_source, frames):
    loosened(monkeypatch)
    found = promise.divide(videos(np.random.default_rng(0), per_source, frames), 0.05, 0.1)
    assert not found["false_fake"].kept
    assert found["false_fake"].mean > 2 * found["false_fake"].promised
    assert found["false_real"].kept


def test_false_alarms_of_the_check_itself_are_rare():
    """The promise is exact in small sets, where the mean is as often above it as below."""
    rng = np.random.default_rng(0)
    found = [promise.divide(videos(rng, {"a": 20}), 0.05, 0.1) for _ in range(15)]
    outcomes = [rate.kept for rates in found for rate in rates.values()]
    assert len(outcomes) == 30 and np.mean(outcomes) >= 0.8
    gaps = [rates["false_fake"].mean - rates["false_fake"].promised for rates in found]
    assert np.mean(gaps) == pytest.approx(0, abs=0.01)


def test_sources_too_small_for_a_promise_do_not_break_it():
    rng = np.random.default_rng(0)
    few = videos(rng, {"large": 150, "small": 9}, unlike={"small": 4.0})
    assert promise.divide(few, 0.05, 0.1)["false_fake"].kept
    # With enough images they decide themselves.
    many = videos(rng, {"large": 150, "small": 80}, unlike={"small": 4.0})
    assert promise.divide(many, 0.05, 0.1)["false_fake"].kept


def test_a_video_counts_once_however_many_frames_it_has():
    """One long video of a real face that looks fake is one mistake among a hundred."""
    rng = np.random.default_rng(0)
    plain = videos(rng, {"a": 100})
    labels = np.append(plain.labels, np.zeros(300, int))
    logits = np.append(plain.logits, np.full(300, 9.0))
    groups = [*plain.groups, *["long"] * 300]
    found = promise.divide(answers.judged(labels, logits, groups=groups), 0.05, 0.1)
    assert found["false_fake"].mean < 0.06


def test_groups_never_straddle_a_division(monkeypatch):
    seen = []
    right = calibration.calibrate

    def remembered(logits, labels, sources, groups, **options):
        seen.append(Counter(groups))
        return right(logits, labels, sources, groups, **options)

    monkeypatch.setattr(calibration, "calibrate", remembered)
    judged = videos(np.random.default_rng(0), {"a": 20}, frames=3)
    whole = Counter(judged.groups)
    assert promise.divide(judged, 0.05, 0.1)
    assert len(seen) == promise.DIVISIONS
    assert all(count == whole[name] for half in seen for name, count in half.items())
    halves = {frozenset(half) for half in seen}
    assert len(halves) == promise.DIVISIONS
    assert np.mean([len(half) for half in halves]) == pytest.approx(20, abs=1)


def test_too_few_images_for_what_was_asked_promise_less():
    found = promise.divide(videos(np.random.default_rng(0), {"a": 40}), 0.01, 0.01)
    assert 1 / 30 < found["false_fake"].promised < 1 / 15


@pytest.mark.parametrize("labels", [[0] * 9 + [1], [0, 1], [0] * 50, []])
def test_too_few_images_to_divide(labels):
    assert promise.divide(answers.judged(labels, np.arange(len(labels))), 0.05, 0.1) == {}


def test_same_seed_same_divisions():
    judged = videos(np.random.default_rng(0), {"a": 30})
    assert promise.divide(judged, 0.05, 0.1) == promise.divide(judged, 0.05, 0.1)
    assert promise.divide(replace(judged, seed=1000), 0.05, 0.1) != promise.divide(
        judged, 0.05, 0.1
    )


def calibrated():
    labels = np.repeat([0, 1], [99, 19])
    groups = [str(number) for number in range(118)]
    return calibration.calibrate(np.arange(118.0), labels, ["set"] * 118, groups)


@pytest.mark.parametrize(
    ("hits", "broken", "said"),
    [
        (0, False, "It is kept."),
        (3, False, "no more than chance"),
        (8, True, "or those were an unlucky draw (by them it is less than 3.0%)."),
        (30, True, "broken: these images are unlike the calibration faces."),
    ],
)
def test_a_promise_is_broken_where_the_whole_interval_lies_above_it(hits, broken, said):
    rate = share(hits, 200)
    found = promise.kept(calibrated(), (rate, share(1, 100)))["false_fake"]
    assert (found.promised, found.realised) == (0.01, rate)
    assert found.broken == broken == (rate.low > 0.01)
    sentence = found.sentence("real faces", "fake")
    assert f"Of 200 real faces {hits} are called fake: {rate.value:.1%}" in sentence
    assert "1.0%" in sentence and said in sentence


def test_images_without_a_face_neither_keep_nor_break_a_promise():
    """They are inconclusive whatever their score, and calibrating has none of them."""
    labels = np.repeat([0, 1], 300)
    words = ["fake"] * 6 + ["real"] * 294 + ["real"] * 15 + ["fake"] * 285
    judged = answers.judged(labels, np.zeros(600), words=words)
    faceless = [*range(100, 300), *range(500, 600)]
    for index in faceless:
        gone = replace(judged.predictions[index], verdict="inconclusive", reasons=("no_face",))
        judged.predictions[index] = gone
    rates = promise.realised(judged)
    assert [(rate.hits, rate.total) for rate in rates] == [(6, 100), (15, 200)]
    assert promise.kept(calibrated(), rates)["false_fake"].broken
    assert not promise.kept(calibrated(), (share(6, 300), None))["false_fake"].broken


def test_each_rate_is_held_against_its_own_promise():
    found = promise.kept(calibrated(), (share(8, 200), share(8, 200)))
    assert found["false_fake"].broken and not found["false_real"].broken
    assert found["false_real"].promised == 0.05
    assert found["false_real"].bound > 0.05


def test_a_class_without_images_has_kept_nothing():
    found = promise.kept(calibrated(), (None, share(1, 100)))
    assert found["false_fake"] is None and found["false_real"] is not None
    read = json.loads(json.dumps(promise.to_dict(found)))
    assert read["false_fake"] is None
    assert read["false_real"]["realised"]["hits"] == 1


def test_divisions_are_plain_json():
    found = promise.divide(videos(np.random.default_rng(0), {"a": 30}), 0.05, 0.1)
    read = json.loads(json.dumps(promise.to_dict(found), allow_nan=False))
    assert set(read) == {"false_fake", "false_real"}
    assert read["false_fake"]["kept"] is found["false_fake"].kept
