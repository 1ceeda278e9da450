"""Which images are frames of one video, and which of them make a clip."""

from pathlib import Path

import numpy as np
import pytest

from src.data.clips import find, singles, spread
from src.data.splits import Sample


def sample(name, group="one", label=0, split="train"):
    return Sample(Path("data", split, "fake" if label else "real", name), label, split, "s", group)


def names(samples):
    return [[samples[i].path.name for i in clip.members] for clip in find(samples)]


def test_frames_are_in_order_of_time_and_persons_apart():
    samples = [
        sample("clip_00010_person0.jpg"),
        sample("clip_00002_person0.jpg"),
        sample("clip_00002_person1.jpg"),
        sample("clip_00010_person1.jpg"),
        sample("other_00002_person0.jpg"),
        sample("other_00004_person0.jpg"),
    ]
    assert names(samples) == [
        ["clip_00002_person0.jpg", "clip_00010_person0.jpg"],
        ["clip_00002_person1.jpg", "clip_00010_person1.jpg"],
        ["other_00002_person0.jpg", "other_00004_person0.jpg"],
    ]


@pytest.mark.parametrize("frame", ["{}.png", "frame_{}.png", "Frame{}.png"])
def test_a_folder_may_be_a_video(frame):
    samples = [sample(f"{v}/{frame.format(n)}", v) for v in "ab" for n in (10, 9, 1)]
    expected = [frame.format(n) for n in (1, 9, 10)]
    assert names(samples) == [expected, expected]


def test_the_same_name_in_another_class_split_or_group_is_another_video():
    samples = [
        sample(f"000_{n}.png", group, label, split)
        for group, label, split in (("a", 0, "train"), ("a", 1, "train"), ("b", 0, "test"))
        for n in (1, 2)
    ]
    assert [clip.members for clip in find(samples)] == [(0, 1), (2, 3), (4, 5)]


def test_stills_are_no_clips():
    numbered = [sample(f"{n:04}.png", f"pair {n // 2}") for n in range(8)]
    alone = [sample(f"img_{n}.png", f"img_{n}.png") for n in range(4)]
    assert find(numbered) == find(alone) == []
    assert [clip.members for clip in singles(alone)] == [(0,), (1,), (2,), (3,)]


def test_a_video_file_is_a_clip_by_itself():
    samples = [sample("a.mp4"), sample("b.AVI")]
    assert [clip.members for clip in find(samples)] == [(0,), (1,)]


def test_a_clip_is_spread_over_all_frames():
    assert spread(10, 5).tolist() == [1, 3, 5, 7, 9]
    assert spread(2, 4).tolist() == [0, 0, 1, 1]
    assert spread(1, 3).tolist() == [0, 0, 0]
    drawn = {tuple(spread(6, 3, np.random.default_rng(seed))) for seed in range(200)}
    assert drawn == {(a, b, c) for a in (0, 1) for b in (2, 3) for c in (4, 5)}
