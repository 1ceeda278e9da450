"""Which videos there are, as files and as frames, and what belongs together."""

import csv
import json
from pathlib import Path

import pytest

from src import InputError
from src.data import folders, videos
from src.data.splits import Sample


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


ORIGINALS = "original_sequences/youtube/c23/videos"
FAKES = "manipulated_sequences/{}/c23/videos"


def test_a_faceforensics_tree_has_methods_as_folders_and_sources_as_groups(tmp_path):
    touch(tmp_path, *(f"{ORIGINALS}/{n}.mp4" for n in ("000", "003", "010")))
    touch(tmp_path, f"{FAKES.format('Deepfakes')}/000_003.mp4")
    touch(tmp_path, f"{FAKES.format('NeuralTextures')}/003_000.mp4")
    touch(tmp_path, f"{FAKES.format('NeuralTextures')}/masks.txt")
    found = {video.name: (video.label, video.group) for video in videos.scan(tmp_path)}
    assert found == {
        "fake/Deepfakes/000_003": (1, "000"),
        "fake/NeuralTextures/003_000": (1, "000"),
        "real/youtube/000": (0, "000"),
        "real/youtube/003": (0, "000"),
        "real/youtube/010": (0, "010"),
    }


@pytest.mark.parametrize("folder", ["", "splits/"])
def test_official_splits_are_followed(tmp_path, folder):
    touch(tmp_path, *(f"{ORIGINALS}/{n}.mp4" for n in ("000", "003", "010", "011", "500")))
    touch(tmp_path, *(f"{FAKES.format('FaceSwap')}/{n}.mp4" for n in ("003_000", "011_010")))
    touch(tmp_path, f"{folder}train.json")
    (tmp_path / f"{folder}train.json").write_text(json.dumps([["000", "003"]]))
    (tmp_path / f"{folder}val.json").write_text(json.dumps([["010", "011"]]))
    assert [video.name for video in videos.scan(tmp_path)] == [
        "train/fake/FaceSwap/003_000",
        "train/real/youtube/000",
        "train/real/youtube/003",
        "validation/fake/FaceSwap/011_010",
        "validation/real/youtube/010",
        "validation/real/youtube/011",
    ]


@pytest.mark.parametrize("content", ["{", '["000"]', '[["000", "003", "004"]]', "7"])
def test_a_broken_split_file_is_an_input_error(tmp_path, content):
    touch(tmp_path, f"{ORIGINALS}/000.mp4")
    (tmp_path / "test.json").write_text(content)
    with pytest.raises(InputError, match=r"test\.json"):
        videos.scan(tmp_path)


def test_a_pair_in_two_splits_is_an_input_error(tmp_path):
    touch(tmp_path, f"{ORIGINALS}/000.mp4")
    for name in ("train", "test"):
        (tmp_path / f"{name}.json").write_text('[["000", "003"]]')
    with pytest.raises(InputError, match="000"):
        videos.scan(tmp_path)


def test_several_compressions_have_to_be_chosen_from(tmp_path):
    touch(tmp_path, f"{ORIGINALS}/000.mp4", f"{ORIGINALS.replace('c23', 'c40')}/000.mp4")
    with pytest.raises(InputError, match="--compression out of c23, c40"):
        videos.scan(tmp_path)
    with pytest.raises(InputError, match="--compression out of c23, c40"):
        videos.scan(tmp_path, "raw")
    (video,) = videos.scan(tmp_path, "c40")
    assert "c40" in video.path.parts


def test_a_tree_of_real_and_fake_keeps_its_folders(tmp_path):
    touch(tmp_path, "train/real/a.mp4", "train/fake/wav2lip/b.MOV", "test/fake/b.avi", "x/c.mp4")
    found = {video.name: video.group for video in videos.scan(tmp_path)}
    assert found == {name: name for name in ("test/fake/b", "train/fake/wav2lip/b", "train/real/a")}


def test_persons_named_in_files_connect_videos(tmp_path):
    touch(tmp_path, "real/id0_0001.mp4", "real/id7_0001.mp4", "real/id9_0000.mp4")
    touch(tmp_path, "fake/id0_id7_0001.mp4")
    touch(tmp_path, "real/01__walking.mp4", "fake/01_02__walking__ABCDEF.mp4")
    groups = {video.path.stem: video.group for video in videos.scan(tmp_path)}
    # Joining who lends the face would make one group of a set in which everyone swaps with all.
    assert groups["id0_0001"] == groups["id0_id7_0001"] == "id0"
    assert groups["id7_0001"] == "id7"
    assert groups["id9_0000"] == "id9"
    assert groups["01__walking"] == groups["01_02__walking__ABCDEF"] == "01"


def written(path, *rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_a_table_of_groups_counts_for_videos_and_their_names_do_not(tmp_path):
    touch(tmp_path, "real/id0_0001.mp4", "real/b.mkv", "fake/id0_id1_0001.mp4", "fake/c.mp4")
    written(tmp_path / "groups.csv", ("path", "group"), ("real/id0_0001.mp4", "Ann"),
            ("fake/c.mp4", "Ann"))  # fmt: skip
    assert {video.name: video.group for video in videos.scan(tmp_path)} == {
        "real/id0_0001": "Ann",
        "fake/c": "Ann",
        "real/b": "real/b",
        "fake/id0_id1_0001": "fake/id0_id1_0001",
    }
    split = {one.path.name: one.split for one in videos.samples([tmp_path], seed=3)}
    assert split["id0_0001.mp4"] == split["c.mp4"]


def test_a_table_of_pairs_counts_for_videos(tmp_path):
    touch(tmp_path, "train/real/a.mp4", "train/fake/b.mp4", "train/fake/c.mp4", "test/real/a.mp4")
    rows = [("split", "fake", "original"), ("train", "b.mp4", "a.mp4")]
    written(tmp_path / "pairs.csv", *rows)
    found = {video.name: video.group for video in videos.scan(tmp_path)}
    assert found["train/fake/b"] == found["train/real/a"]
    assert len(set(found.values())) == 3


@pytest.mark.parametrize("where", ["", ORIGINALS])
def test_a_table_that_names_a_video_that_is_not_there_is_an_input_error(tmp_path, where):
    touch(tmp_path, f"{where or 'real'}/000.mp4", "fake/b.mp4")
    written(tmp_path / "groups.csv", ("path", "group"), ("real/gone.mp4", "Ann"))
    with pytest.raises(InputError, match=r"gone\.mp4 is not among the files"):
        videos.scan(tmp_path)


@pytest.mark.parametrize("suffix", ["ts", "M2TS", "mts", "flv", "ogv"])
def test_every_container_that_is_read_is_found(tmp_path, suffix):
    touch(tmp_path, f"real/a.{suffix}")
    assert videos.hold(tmp_path)
    assert [video.name for video in videos.scan(tmp_path)] == ["real/a"]


def test_videos_beside_images_are_not_left_out_in_silence(tmp_path, caplog):
    assert not videos.hold(touch(tmp_path, "fake/x.mp4", "fake/z.mp4", "real/y.jpg"))
    assert "holds 1 images, so its 2 videos (such as fake/x.mp4) are left out" in caplog.text


def test_a_tree_without_videos_is_an_input_error(tmp_path):
    touch(tmp_path, "real/a.jpg", "fake/b.jpg")
    with pytest.raises(InputError, match="there are no videos"):
        videos.scan(tmp_path)


def test_videos_have_the_splits_sources_and_groups_of_their_crops(tmp_path):
    names = [f"real/set/id{n}_0001.mp4" for n in range(20)]
    names += [f"fake/set/id{n}_id99_0001.mp4" for n in range(20)]
    listed = videos.samples([touch(tmp_path / "videos" / "mine", *names)], seed=0)
    assert {one.split for one in listed} == set(folders.SPLITS)
    # As `deepfake faces --videos` names crops, and lists their groups.
    root = tmp_path / "crops" / "mine"
    crops = {
        f"{name[:-4]}_{frame:05}_person0.jpg": name.split("/")[-1].split("_")[0]
        for name in names
        for frame in (2, 7)
    }
    touch(root, *crops)
    with (root / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "group"), *crops.items()])
    found = folders.scan([root], seed=0)
    known = {(one.group, one.label): (one.split, one.source) for one in listed}
    assert len(known) == 40 and len(found) == 80
    for crop in found:
        assert (crop.split, crop.source) == known[crop.group, crop.label]


def test_the_splits_that_folders_name_are_those_of_the_videos(tmp_path):
    touch(tmp_path / "two", "val/fake/deep/d.mkv", "val/real/e.mkv")
    found = videos.samples([tmp_path / "two"])
    assert [(one.path.name, one.label, one.split, one.source) for one in found] == [
        ("d.mkv", 1, "validation", "two/deep"),
        ("e.mkv", 0, "validation", "two"),
    ]


def test_what_a_video_or_a_sub_folder_is_called_names_no_split(tmp_path):
    found = videos.scan(touch(tmp_path, "real/test_01.mp4", "real/train/a.mp4", "fake/eval.mp4"))
    assert {video.split for video in found} == {None}


def test_a_folder_holds_videos_where_it_holds_no_images(tmp_path):
    assert videos.hold(touch(tmp_path / "a", "real/x.mp4", "notes.txt"))
    assert not videos.hold(touch(tmp_path / "b", "real/x.mp4", "real/y.jpg"))
    assert not videos.hold(touch(tmp_path / "c", "notes.txt"))


def sample(name, group="one", label=0, split="train"):
    return Sample(Path("data", split, "fake" if label else "real", name), label, split, "s", group)


def names(samples):
    return [[samples[i].path.name for i in clip.members] for clip in videos.clips(samples)]


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
    assert [clip.members for clip in videos.clips(samples)] == [(0, 1), (2, 3), (4, 5)]


def test_stills_are_no_clips():
    numbered = [sample(f"{n:04}.png", f"pair {n // 2}") for n in range(8)]
    alone = [sample(f"img_{n}.png", f"img_{n}.png") for n in range(4)]
    assert videos.clips(numbered) == videos.clips(alone) == []
    assert [clip.members for clip in videos.singles(alone)] == [(0,), (1,), (2,), (3,)]


def test_a_video_file_is_a_clip_by_itself():
    samples = [sample("a.mp4"), sample("b.AVI")]
    assert [clip.members for clip in videos.clips(samples)] == [(0,), (1,)]
