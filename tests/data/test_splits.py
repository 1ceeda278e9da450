"""Splits that hold still, groups that stay whole, and choices that keep the classes balanced."""

import os
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from src import InputError
from src.data import folders
from src.data.splits import CALIBRATION, Sample, divide
from tests.data.layouts import counts, fill, splits_of


def test_random_split_has_its_shares_and_changes_with_the_seed(tmp_path):
    fill(tmp_path, {"real": 400, "fake": 400})
    samples = folders.scan([tmp_path])
    shares = Counter(sample.split for sample in samples)
    assert shares["train"] == pytest.approx(560, abs=50)
    assert shares["validation"] == pytest.approx(120, abs=40)
    assert shares["test"] == pytest.approx(120, abs=40)
    assert samples == folders.scan([tmp_path])
    assert splits_of(samples) != splits_of(folders.scan([tmp_path], seed=1))


def test_a_file_keeps_its_split_when_others_come_go_and_are_renamed(tmp_path):
    fill(tmp_path / "a", {"real": 60, "fake": 60})
    before = {s.path.read_text(): s.split for s in folders.scan([tmp_path / "a"])}
    for index in range(0, 60, 3):
        (tmp_path / "a" / "real" / f"{index:04}.jpg").unlink()
        (tmp_path / "a" / "fake" / f"{index:04}.jpg").rename(tmp_path / "a/fake" / f"z{index}.png")
    (tmp_path / "a" / "real" / "new.jpg").write_text("new")
    (tmp_path / "a").rename(tmp_path / "b")
    after = {s.path.read_text(): s.split for s in folders.scan([tmp_path / "b"])}
    assert len(after) == 101
    assert all(before[text] == split for text, split in after.items() if text != "new")


def test_a_copy_lands_in_the_split_of_its_twin(tmp_path):
    fill(tmp_path, {"real": 40, "fake": 40})
    shutil.copytree(tmp_path / "fake", tmp_path / "fake" / "again")
    splits = defaultdict(set)
    for sample in folders.scan([tmp_path]):
        splits[sample.path.read_text()].add(sample.split)
    assert all(len(where) == 1 for where in splits.values())


def test_missing_validation_is_taken_from_train_and_never_from_test(tmp_path):
    fill(tmp_path, {"train/real": 200, "train/fake": 200, "test/real": 9, "test/fake": 9})
    samples = folders.scan([tmp_path])
    assert {s.split for s in samples if "test" in s.path.parts} == {"test"}
    moved = [s for s in samples if s.split == "validation"]
    assert len(moved) == pytest.approx(60, abs=25)
    assert all("train" in s.path.parts for s in moved)


def test_train_alone_is_split_three_ways_and_test_alone_stays_test(tmp_path):
    fill(tmp_path / "a", {"train/real": 50, "train/fake": 50})
    fill(tmp_path / "b", {"test/real": 50, "test/fake": 50})
    assert {s.split for s in folders.scan([tmp_path / "a"])} == set(folders.SPLITS)
    assert {s.split for s in folders.scan([tmp_path / "b"])} == {"test"}


def write_groups(root, group_of):
    paths = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.jpg"))
    rows = [f"{path},{group_of(path)}" for path in paths]
    (root / "groups.csv").write_text("\n".join(["path,group", *rows]) + "\n")


def test_groups_never_straddle_a_random_split(tmp_path):
    fill(tmp_path / "set", {"real": 200, "fake": 200})
    write_groups(tmp_path / "set", lambda path: f"video{int(Path(path).stem) // 10}")
    splits = defaultdict(set)
    for sample in folders.scan([tmp_path / "set"]):
        splits[sample.group].add(sample.split)
    assert set(splits) == {f"set/video{index}" for index in range(20)}
    assert all(len(where) == 1 for where in splits.values())
    assert {where.pop() for where in splits.values()} == set(folders.SPLITS)


def test_pairs_stay_together_in_a_random_split(tmp_path):
    fill(tmp_path, {"real": 50, "fake/blend": 50})
    rows = [f",blend/{index:04}.jpg,{index:04}.jpg" for index in range(50)]
    (tmp_path / "pairs.csv").write_text("\n".join(["split,fake,original", *rows]))
    splits = defaultdict(set)
    for sample in folders.scan([tmp_path]):
        splits[sample.path.name].add(sample.split)
    assert all(len(where) == 1 for where in splits.values())
    assert len({where.pop() for where in splits.values()}) == 3


def test_limit_caps_each_class_in_each_split_and_holds_still(tmp_path):
    fill(tmp_path, {"train/real": 30, "train/fake": 10, "test/real": 3, "test/fake": 30,
                    "val/real": 9, "val/fake": 9})  # fmt: skip
    chosen = folders.scan([tmp_path], limit_per_class=5)
    assert counts(chosen) == {
        ("train", "real"): 5, ("train", "fake"): 5, ("test", "real"): 3, ("test", "fake"): 5,
        ("validation", "real"): 5, ("validation", "fake"): 5,
    }  # fmt: skip
    assert set(chosen) <= set(folders.scan([tmp_path], limit_per_class=7))
    assert chosen != folders.scan([tmp_path], limit_per_class=5, seed=1)
    (tmp_path / "train" / "real" / "new.jpg").write_text("new")
    assert len(set(chosen) - set(folders.scan([tmp_path], limit_per_class=5))) <= 1


def test_fraction_takes_its_share_of_each_class_and_split(tmp_path):
    fill(tmp_path, {"train/real": 100, "train/fake": 40, "test/real": 10, "test/fake": 10})
    everything = folders.scan([tmp_path])
    chosen = folders.scan([tmp_path], fraction=0.1)
    totals = counts(everything)
    for part, count in counts(chosen).items():
        assert count == -(-totals[part] // 10)
    assert folders.scan([tmp_path], fraction=1) == everything
    assert len(folders.scan([tmp_path], fraction=0.5, limit_per_class=2)) <= 12


def test_limit_keeps_pairs_whole_and_classes_balanced(tmp_path):
    fill(tmp_path, {"train/real": 60, "train/fake": 20, "val/real": 4, "val/fake": 4})
    rows = [f"train,{index:04}.jpg,{index + 30:04}.jpg" for index in range(20)]
    (tmp_path / "pairs.csv").write_text("\n".join(["split,fake,original", *rows]))
    chosen = [s for s in folders.scan([tmp_path], limit_per_class=10) if s.split == "train"]
    assert counts(chosen) == {("train", "real"): 10, ("train", "fake"): 10}
    assert len({sample.group for sample in chosen}) == 10


def test_files_whose_names_are_not_utf8_are_drawn_too(tmp_path):
    for folder in ("train/real", "train/fake", "validation/real", "validation/fake"):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(4):
            name = os.fsdecode(b"caf\xe9%d.jpg" % index)
            (tmp_path / folder / name).write_text(f"{folder} {index}")
    samples = folders.scan([tmp_path])
    assert len(folders.scan([tmp_path], limit_per_class=2)) == 8
    assert apart(divide(samples, 99, 19)) == {(tmp_path.name, 0): 2, (tmp_path.name, 1): 2}


def test_limit_never_cuts_a_group(tmp_path):
    fill(tmp_path, {"train/real": 40, "train/fake": 40, "val/real": 1, "val/fake": 1})
    write_groups(tmp_path, lambda path: f"{path[:-7]}{int(Path(path).stem) // 4}")
    chosen = [s for s in folders.scan([tmp_path], limit_per_class=10) if s.split == "train"]
    assert counts(chosen) == {("train", "real"): 8, ("train", "fake"): 8}
    assert set(Counter(sample.group for sample in chosen).values()) == {4}


@pytest.mark.parametrize(
    "options",
    [{"limit_per_class": 0}, {"limit_per_class": -1}, {"fraction": 0}, {"fraction": 1.01},
     {"fraction": float("nan")}],
)  # fmt: skip
def test_senseless_choices_are_refused(tmp_path, options):
    fill(tmp_path, {"real": 1, "fake": 1})
    with pytest.raises(InputError, match="expected"):
        folders.scan([tmp_path], **options)


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


@pytest.mark.parametrize("part", [{"limit_per_class": 5}, {"fraction": 0.04}])
def test_a_limit_that_no_group_fits_is_told(tmp_path, caplog, part):
    fill(tmp_path, {"train/real": 100, "train/fake": 100})
    write_groups(
        tmp_path,
        lambda path: f"video{int(Path(path).stem) // 10}" if "real" in path else path,
    )
    chosen = counts(folders.scan([tmp_path], **part))
    assert {name for _, name in chosen} == {"fake"}
    assert "no real images of the train split are left" in caplog.text
    assert "no fake images of the train" not in caplog.text
