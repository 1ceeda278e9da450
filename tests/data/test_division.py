"""Some validation images choose, the others only calibrate; never both, and whole groups."""

from collections import Counter

import pytest

from src.data.division import CALIBRATION, divide
from src.data.splits import Sample


def images(reals, fakes, source="set", split="validation", together=False):
    """Return images of one source; `together` puts fake i into the group of real i."""
    return [
        Sample(f"{source}/{label}/{i}", label, split, source, f"{source}/{i}/{together or label}")
        for label, count in enumerate((reals, fakes))
        for i in range(count)
    ]  # fmt: skip


def apart(samples):
    return Counter((s.source, s.label) for s in samples if s.split == CALIBRATION)


@pytest.mark.parametrize(
    ("there", "calibrate"),
    [
        ((60, 60), (30, 30)),
        ((125, 125), (99, 63)),
        ((109, 29), (99, 19)),
        ((108, 28), (54, 14)),
        ((500, 500), (250, 250)),
        ((3, 2), (2, 1)),
    ],
)
def test_half_or_as_many_as_the_promise_takes(there, calibrate):
    divided = divide(images(*there), 99, 19)
    assert tuple(apart(divided)["set", label] for label in (0, 1)) == calibrate
    assert Counter(s.split for s in divided)["validation"] == sum(there) - sum(calibrate)


def test_each_source_gives_its_own_part():
    divided = divide(images(120, 120, "a") + images(40, 0, "b") + images(0, 30, "c"), 99, 19)
    assert apart(divided) == {("a", 0): 99, ("a", 1): 60, ("b", 0): 20, ("c", 1): 19}


def test_groups_stay_whole_and_other_splits_as_they_are():
    samples = (
        images(200, 200, together=True) + images(50, 50, "t", "train") + images(9, 9, "u", "test")
    )
    divided = divide(samples, 99, 19)
    where = {}
    for sample in divided:
        assert where.setdefault(sample.group, sample.split) == sample.split
    assert apart(divided) == {("set", 0): 100, ("set", 1): 100}
    assert Counter(s.split for s in divided if s.source != "set") == {"train": 100, "test": 18}
    assert [s.path for s in divided] == [s.path for s in samples]


def test_frames_of_one_video_count_once():
    frames = [
        Sample(f"{video}/{frame}/{label}", label, "validation", "set", f"{video}/{label}")
        for label in (0, 1) for video in range(12) for frame in range(50)
    ]  # fmt: skip
    divided = divide(frames, 99, 19)
    groups = {(s.group, s.label) for s in divided if s.split == CALIBRATION}
    assert Counter(label for _, label in groups) == {0: 6, 1: 6}


def test_a_seed_draws_and_the_order_of_files_does_not():
    samples = images(60, 60)
    chosen = {s.path for s in divide(samples, 99, 19) if s.split == CALIBRATION}
    assert chosen == {s.path for s in divide(samples[::-1], 99, 19) if s.split == CALIBRATION}
    assert chosen != {s.path for s in divide(samples, 99, 19, 1) if s.split == CALIBRATION}


@pytest.mark.parametrize("there", [(1, 8), (8, 1), (40, 0), (0, 0)])
def test_nothing_is_set_apart_where_a_part_would_lack_a_class(there):
    samples = images(*there)
    assert divide(samples, 99, 19) == samples


def test_a_mixed_group_does_not_take_the_last_of_a_class():
    for seed in range(20):
        known = {"a": (0, "both"), "b": (1, "both"), "c": (0, "real"), "d": (1, "fake")}
        samples = [
            Sample(name, label, "validation", "set", group)
            for name, (label, group) in known.items()
        ]
        divided = divide(samples, 99, 19, seed)
        assert apart(divided) == {("set", 0): 1, ("set", 1): 1}
