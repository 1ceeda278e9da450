"""The frames of a video, and when they are shown."""

import films
import numpy as np
import pytest

from src.data import footage


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
    read = list(footage.frames(path, 5))
    assert [number for number, _ in read] == [5, 15, 25, 35, 45]
    for number, frame in read:
        assert frame.shape == (48, 96, 3) and frame.dtype == np.uint8
        assert shown(frame) == number


def test_frames_are_rgb(tmp_path):
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    ((_, frame),) = footage.frames(films.write(tmp_path / "a.avi", [red] * 3, "MJPG"), 1)
    assert frame[..., 0].mean() > 150 and frame[..., 2].mean() < 50


def test_a_short_video_gives_each_frame_once(tmp_path):
    path = films.write(tmp_path / "a.mp4", coded(3))
    assert [number for number, _ in footage.frames(path, 10)] == [0, 1, 2]


def test_a_video_that_was_cut_off_gives_what_is_there(tmp_path):
    path = films.write(tmp_path / "a.avi", coded(60), "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    read = list(footage.frames(path, 10))
    assert 3 <= len(read) <= 10
    assert all(shown(frame) == number for number, frame in read)


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(footage.VideoError, match=r"bad\.mp4"):
        list(footage.frames(tmp_path / "bad.mp4", 3))
    with pytest.raises(footage.VideoError, match=r"none\.mp4"):
        list(footage.frames(tmp_path / "none.mp4", 3))
