"""Groups out of file names: found where they are sure, and nowhere else."""

from collections import defaultdict

import pytest

from src.data import folders, video_names
from src.data.splits import ImageFile


def files(real: list[str], fake: list[str]) -> list[ImageFile]:
    return [
        ImageFile(f"{name}/{stem}.png", f"{stem}.png", label, None)
        for label, (name, stems) in enumerate((("real", real), ("fake", fake)))
        for stem in stems
    ]


def test_swaps_join_the_videos_that_they_share():
    found = video_names.groups(
        files(
            ["000_0001", "000_0002", "003_0001", "007_0001"],
            ["000_003_0042", "003_000_0001", "Deepfakes/007_010_0001"],
        )
    )
    assert found["real/000_0001.png"] == found["real/003_0001.png"] == found["real/000_0002.png"]
    assert found["fake/000_003_0042.png"] == found["fake/003_000_0001.png"]
    assert found["fake/000_003_0042.png"] == found["real/000_0001.png"]
    assert found["fake/Deepfakes/007_010_0001.png"] == found["real/007_0001.png"]
    assert found["real/007_0001.png"] != found["real/000_0001.png"]


def test_a_person_is_a_group_by_whose_video_it_is():
    found = video_names.groups(
        files(["id0_0001_00012", "id1_0000_00000", "00003_00001"], ["id0_id1_0001_00012"])
    )
    assert found["fake/id0_id1_0001_00012.png"] == found["real/id0_0001_00012.png"]
    assert len(set(found.values())) == 3


def test_frames_in_folders_that_are_called_after_videos_are_frames_of_these():
    found = video_names.groups(
        files(["000/0001", "youtube/003/frame_2"], ["Deepfakes/000_003/0042", "010_000/0042"])
    )
    assert len(set(found.values())) == 1
    found = video_names.groups(files(["id0_0001/12", "00003/1"], ["id0_id1_0001/frame12"]))
    assert found["fake/id0_id1_0001/frame12.png"] == found["real/id0_0001/12.png"]
    assert len(set(found.values())) == 2


def test_a_folder_of_frames_is_a_video_whatever_it_is_called():
    found = video_names.groups(files(["a/frame_0001", "a/frame_0002"], ["x/b/Frame-1"]))
    assert found["real/a/frame_0001.png"] == found["real/a/frame_0002.png"]
    assert found["fake/x/b/Frame-1.png"] != found["real/a/frame_0001.png"]


def test_folders_in_several_splits_may_be_called_alike():
    both = [
        ImageFile(f"{split}/real/1/frame_1.png", "1/frame_1.png", 0, split)
        for split in ("train", "test")
    ]
    assert len(set(video_names.groups(both).values())) == 2


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        (["00001", "00002"], ["00001", "00002"]),
        (["ffhq/00001", "ffhq/00002"], ["stylegan/00001", "stylegan/00002"]),
        (["00000/00001", "01000/01002"], ["00000/00001", "01000/01002"]),
        (["a/frame_1", "a/frame_2"], ["b/frame_1", "frame_2"]),
        (["0000", "0001"], ["0002", "0003"]),
        (["0001_2", "0002_2"], ["0001_3", "0002_3"]),
        (["000_0001", "001_0001"], ["000_0001", "001_0001"]),
        (["001", "002"], ["003", "004"]),
        (["00003_00001"], ["00003_00002"]),
        (["000_0001"], ["500_600_0001", "501_601_0001"]),
        (["000_0001", "portrait"], ["000_003_0001"]),
        (["000_0001", "001_0001"], []),
    ],
)
def test_numbered_files_are_no_videos(real, fake):
    assert video_names.groups(files(real, fake)) == {}


def write(root, names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def frames() -> list[str]:
    pairs = [(f"{n:03}", f"{n + 50:03}") for n in range(50)]
    real = [f"real/{video}_{frame:04}.png" for p in pairs for video in p for frame in range(3)]
    return real + [f"fake/{a}_{b}_{frame:04}.png" for a, b in pairs for frame in range(3)]


def test_videos_never_straddle_a_random_split(tmp_path):
    write(tmp_path, frames())
    where = defaultdict(set)
    for sample in folders.scan([tmp_path]):
        for video in sample.path.stem.split("_")[: 1 + sample.label]:
            where[video].add(sample.split)
    assert len(where) == 100
    assert all(len(found) == 1 for found in where.values())
    assert {split for found in where.values() for split in found} == set(folders.SPLITS)


def test_a_table_says_otherwise(tmp_path):
    write(tmp_path, frames())
    (tmp_path / "groups.csv").write_text("path,group\nreal/000_0000.png,mine\n")
    groups = {s.path.name: s.group for s in folders.scan([tmp_path])}
    assert groups["000_0000.png"].endswith("/mine")
    assert groups["000_0001.png"] != groups["000_0002.png"]
