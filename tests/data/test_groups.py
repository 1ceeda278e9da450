"""Groups out of tables and of file names: found where they are sure, and nowhere else."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from src import InputError
from src.data import folders, groups
from src.data.layout import DataFile
from src.files import write_table
from tests.data.layouts import LAYOUT, fill


def data_file(name: str, inner: str, label: int, split: str | None = None) -> DataFile:
    return DataFile(Path(name), name, inner, label, split)


def files(real: list[str], fake: list[str]) -> list[DataFile]:
    return [
        data_file(f"{name}/{stem}.png", f"{stem}.png", label)
        for label, (name, stems) in enumerate((("real", real), ("fake", fake)))
        for stem in stems
    ]


def test_swaps_join_the_videos_that_they_share():
    found = groups.by_names(
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
    found = groups.by_names(
        files(["id0_0001_00012", "id1_0000_00000", "00003_00001"], ["id0_id1_0001_00012"])
    )
    assert found["fake/id0_id1_0001_00012.png"] == found["real/id0_0001_00012.png"]
    assert len(set(found.values())) == 3


def test_frames_in_folders_that_are_called_after_videos_are_frames_of_these():
    found = groups.by_names(
        files(["000/0001", "youtube/003/frame_2"], ["Deepfakes/000_003/0042", "010_000/0042"])
    )
    assert len(set(found.values())) == 1
    found = groups.by_names(files(["id0_0001/12", "00003/1"], ["id0_id1_0001/frame12"]))
    assert found["fake/id0_id1_0001/frame12.png"] == found["real/id0_0001/12.png"]
    assert len(set(found.values())) == 2


def test_a_folder_of_frames_is_a_video_whatever_it_is_called():
    found = groups.by_names(files(["a/frame_0001", "a/frame_0002"], ["x/b/Frame-1"]))
    assert found["real/a/frame_0001.png"] == found["real/a/frame_0002.png"]
    assert found["fake/x/b/Frame-1.png"] != found["real/a/frame_0001.png"]


def test_folders_in_several_splits_may_be_called_alike():
    both = [
        data_file(f"{split}/real/1/frame_1.png", "1/frame_1.png", 0, split)
        for split in ("train", "test")
    ]
    assert len(set(groups.by_names(both).values())) == 2


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
    assert groups.by_names(files(real, fake)) == {}


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
    found = {s.path.name: s.group for s in folders.scan([tmp_path])}
    assert found["000_0000.png"].endswith("/mine")
    assert found["000_0001.png"] != found["000_0002.png"]


def test_unlisted_files_are_their_own_group(tmp_path):
    fill(tmp_path / "set", {"real": 2, "fake": 1})
    (tmp_path / "set" / "groups.csv").write_text(
        "path,group\nreal\\0000.jpg,v\n./fake/0000.jpg,v\n"
    )
    found = [sample.group for sample in folders.scan([tmp_path / "set"])]
    assert found == ["set/v", "set/v", "set/real/0001.jpg"]


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9.jpg"), "a\\b.jpg", 'a"\n,.jpg'])
def test_a_table_of_ours_names_files_as_they_are_called(tmp_path, name):
    write(tmp_path, ["real/a.jpg", "fake/a.jpg"])
    (tmp_path / "real" / name).write_text("picture")
    write_table(tmp_path / "groups.csv", [{"path": f"real/{name}", "group": "mine"}])
    groups_of = {s.path.name: s.group for s in folders.scan([tmp_path]) if not s.label}
    assert groups_of[name].endswith("/mine")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,group\nreal/0000.jpg,a\nreal/gone.jpg,a\n", r"groups\.csv, line 3: real/gone\.jpg"),
        ("real/0000.jpg,a\n", "path,group"),
        ("", "path,group"),
        ("path,group\nreal/0000.jpg,a\nreal/0000.jpg,b\n", "line 3: .* one group"),
        ("path,group\nreal/0000.jpg\n", "line 2: .* one group"),
    ],
)
def test_a_wrong_groups_table_is_refused(tmp_path, table, message):
    fill(tmp_path, {"real": 2, "fake": 2})
    (tmp_path / "groups.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        folders.scan([tmp_path])


def test_pairs_put_a_fake_into_the_group_of_its_original(tmp_path):
    fill(tmp_path / "set", LAYOUT)
    (tmp_path / "set" / "pairs.csv").write_text(
        "split,fake,original\ntrain,0003.jpg,0001.jpg\ntest,0000.jpg,0001.jpg\n"
    )
    group = {
        s.path.relative_to(tmp_path / "set").as_posix(): s.group
        for s in folders.scan([tmp_path / "set"])
    }
    assert group["train/fake/0003.jpg"] == group["train/real/0001.jpg"]
    assert group["test/fake/0000.jpg"] == group["test/real/0001.jpg"]
    assert group["train/real/0001.jpg"] != group["test/real/0001.jpg"]
    assert group["train/fake/0000.jpg"] == "set/train/fake/0000.jpg"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("train,9999.jpg,0000.jpg", "line 2: 9999.jpg is not among the fake files"),
        ("test,0000.jpg,0005.jpg", "line 2: 0005.jpg is not among the real files"),
        ("train,0000.jpg,0000.jpg\ntrain,0000.jpg,0001.jpg", "line 3: .*second original"),
    ],
)
def test_a_wrong_pairs_table_is_refused(tmp_path, rows, message):
    fill(tmp_path, LAYOUT)
    (tmp_path / "pairs.csv").write_text(f"split,fake,original\n{rows}\n")
    with pytest.raises(InputError, match=message):
        folders.scan([tmp_path])


def test_two_tables_are_refused(tmp_path):
    fill(tmp_path, LAYOUT)
    for name in ("groups.csv", "pairs.csv"):
        (tmp_path / name).write_text("path,group\n")
    with pytest.raises(InputError, match="keep one"):
        folders.scan([tmp_path])
