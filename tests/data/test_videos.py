"""Which videos there are, what belongs together, and the frames in them."""

import json

import films
import numpy as np
import pytest

from src import InputError
from src.data import videos


def coded(count: int) -> list[np.ndarray]:
    """Return frames that show their number as six black or white stripes: (48, 96, 3) uint8."""
    numbers = np.arange(count)[:, None] >> np.arange(6) & 1
    stripes = np.repeat(255 * numbers.astype(np.uint8), 16, axis=1)
    return [np.broadcast_to(row[None, :, None], (48, 96, 3)) for row in stripes]


def shown(frame: np.ndarray) -> int:
    """Read the number that a frame shows."""
    stripes = frame.reshape(48, 6, 16, 3).mean(axis=(0, 2, 3)) > 127
    return int(stripes @ (1 << np.arange(6)))


@pytest.mark.parametrize(("codec", "suffix"), [("mp4v", "mp4"), ("MJPG", "avi")])
def test_frames_are_spread_evenly_and_are_those_that_they_say(tmp_path, codec, suffix):
    path = films.write(tmp_path / f"a.{suffix}", coded(50), codec)
    read = list(videos.frames(path, 5))
    assert [number for number, _ in read] == [5, 15, 25, 35, 45]
    for number, frame in read:
        assert frame.shape == (48, 96, 3) and frame.dtype == np.uint8
        assert shown(frame) == number


def test_frames_are_rgb(tmp_path):
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    ((_, frame),) = videos.frames(films.write(tmp_path / "a.avi", [red] * 3, "MJPG"), 1)
    assert frame[..., 0].mean() > 150 and frame[..., 2].mean() < 50


def test_a_short_video_gives_each_frame_once(tmp_path):
    path = films.write(tmp_path / "a.mp4", coded(3))
    assert [number for number, _ in videos.frames(path, 10)] == [0, 1, 2]


def test_a_video_that_was_cut_off_gives_what_is_there(tmp_path):
    path = films.write(tmp_path / "a.avi", coded(60), "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    read = list(videos.frames(path, 10))
    assert 3 <= len(read) <= 10
    assert all(shown(frame) == number for number, frame in read)


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(videos.VideoError, match=r"bad\.mp4"):
        list(videos.frames(tmp_path / "bad.mp4", 3))
    with pytest.raises(videos.VideoError, match=r"none\.mp4"):
        list(videos.frames(tmp_path / "none.mp4", 3))


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


def test_a_tree_without_videos_is_an_input_error(tmp_path):
    touch(tmp_path, "real/a.jpg", "fake/b.jpg")
    with pytest.raises(InputError, match="there are no videos"):
        videos.scan(tmp_path)
