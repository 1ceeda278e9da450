"""The frames of a video, and when they are shown."""

import os
import struct
import wave
from pathlib import Path

import films
import numpy as np
import people
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
    assert len(read) == 10
    assert all(shown(frame) == number for number, frame in read)
    # Over all that is there.
    assert read[-1][0] > 0.9 * (len(footage.survey(path).times) - 1)


def test_a_film_that_was_cut_off_is_refused_by_what_is_left_of_it(tmp_path):
    path = films.write(tmp_path / "a.avi", coded(60), "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    # It claims 2.4 s.
    assert len(footage.survey(path, longest=1.8).times) < 45
    with pytest.raises(footage.TooLong):
        footage.survey(path, longest=0.5)


def test_a_film_whose_index_was_cut_off_says_so(tmp_path):
    path = films.write(tmp_path / "a.mp4", coded(60))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for attempt in (footage.survey, footage.claimed):
        with pytest.raises(footage.VideoError, match=r"a\.mp4: cut off: its index"):
            attempt(path)
    # A box may claim more bytes than there are places in a file.
    path.write_bytes(struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1) + bytes(99))
    with pytest.raises(footage.VideoError, match=r"a\.mp4: cut off: its index"):
        footage.claimed(path)
    path = films.write(tmp_path / "b.mp4", coded(9))
    path.write_bytes(path.read_bytes().replace(b"vide", b"soun"))
    # An .mp4 with sound alone.
    with pytest.raises(footage.VideoError, match=r"b\.mp4: damaged, without a picture"):
        footage.survey(path)


def test_a_name_with_a_colon_is_no_protocol(tmp_path, monkeypatch):
    films.write(tmp_path / "a.mp4", coded(3)).rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(footage.survey(Path("12:30.mp4")).times) == 3


def test_a_folder_is_no_video_and_not_missing(tmp_path):
    with pytest.raises(footage.VideoError, match="this is a folder"):
        footage.survey(tmp_path)


def test_a_path_that_is_not_utf8_is_told_and_never_reaches_the_decoder(tmp_path):
    path = films.write(tmp_path / "a.mp4", coded(3)).rename(tmp_path / os.fsdecode(b"\xe9.mp4"))
    with pytest.raises(footage.VideoError, match="in UTF-8 was expected: rename it"):
        footage.claimed(path)


def test_a_file_that_the_system_does_not_give_is_an_error_that_names_it():
    with pytest.raises(footage.VideoError, match=r"a\.mp4: cannot be read"):
        footage.survey(Path("a" * 300 + ".mp4"))


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(footage.VideoError, match=r"bad\.mp4"):
        list(footage.frames(tmp_path / "bad.mp4", 3))
    with pytest.raises(footage.VideoError, match=r"none\.mp4"):
        list(footage.frames(tmp_path / "none.mp4", 3))


def test_time_stamps_are_those_of_the_stream(tmp_path):
    path = films.slowed(films.write(tmp_path / "a.mp4", coded(20)), 10, 5)
    found = footage.survey(path)
    expected = [0.04 * n for n in range(11)] + [0.4 + 0.2 * n for n in range(1, 10)]
    np.testing.assert_allclose(found.times, expected, atol=1e-3)
    assert found.duration == pytest.approx(2.2 + found.interval, abs=1e-3)


def test_frames_are_turned_upright(tmp_path):
    scene = np.zeros((48, 96, 3), np.uint8)
    scene[:, :48] = 250
    path = films.turned(films.write(tmp_path / "a.mp4", [scene] * 3))
    for _, frame in footage.read(path, [0, 2]):
        assert frame.shape == (96, 48, 3)
        # What was on the left is on top.
        assert frame[:40].mean() > 200 and frame[56:].mean() < 50


def test_a_survey_counts_what_is_there_and_not_what_is_claimed(tmp_path):
    path = films.write(tmp_path / "a.avi", coded(60), "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = footage.survey(path)
    assert footage.claimed(path) == 60
    assert 10 < len(found.times) < 40
    read = list(footage.read(path, range(60)))
    assert [number for number, _ in read] == list(range(len(found.times)))


def test_a_file_with_sound_alone_is_no_video(tmp_path):
    with wave.open(str(tmp_path / "a.mp4"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16_000))
    for attempt in (footage.survey, footage.claimed):
        with pytest.raises(footage.VideoError, match=r"a\.mp4: not a video, without a picture"):
            attempt(tmp_path / "a.mp4")


def test_a_playlist_is_not_followed(tmp_path):
    films.write(tmp_path / "secret.mp4", coded(3))
    # With a byte that no text has.
    (tmp_path / "a.mp4").write_bytes(b"ffconcat version 1.0\n#\xff\nfile secret.mp4\n")
    with pytest.raises(footage.NotAVideo, match="playlist"):
        footage.survey(tmp_path / "a.mp4")


def test_a_film_that_is_too_long_is_refused_before_it_is_gone_through(tmp_path):
    path = films.write(tmp_path / "a.mp4", coded(20))
    assert len(footage.survey(path, longest=0.8).times) == 20
    with pytest.raises(footage.TooLong, match="1 s or more; at most 0.7 s"):
        footage.survey(path, lambda: pytest.fail("gone through"), longest=0.7)


def test_a_film_that_claims_less_than_it_lasts_is_refused_where_it_gets_too_long(tmp_path):
    path = films.write(tmp_path / "a.avi", coded(40), "MJPG")
    content = bytearray(path.read_bytes())
    # The length in the header of the stream, 40 frames, becomes 10.
    place = content.index(b"vidsMJPG") + 32
    assert content[place : place + 4] == (40).to_bytes(4, "little")
    content[place : place + 4] = (10).to_bytes(4, "little")
    path.write_bytes(content)
    steps: list[int] = []
    with pytest.raises(footage.TooLong):
        footage.survey(path, lambda: steps.append(1), longest=0.5)
    assert 10 <= len(steps) <= 14


def test_frames_that_are_too_large_are_refused(tmp_path, monkeypatch):
    path = films.write(tmp_path / "a.mp4", coded(3))
    monkeypatch.setattr(footage, "MAX_PIXELS", 48 * 96 - 1)
    with pytest.raises(footage.TooManyPixels, match="96 x 48"):
        footage.survey(path)


def test_cuts_are_found_where_the_scene_changes_and_not_where_the_camera_moves(tmp_path):
    picture = people.astronaut()

    def moving(left: int) -> list[np.ndarray]:
        return [picture[left : left + 144, left + 9 * n : left + 9 * n + 192] for n in range(15)]

    path = films.write(tmp_path / "a.mp4", [*moving(0), *moving(150), *moving(20)])
    assert footage.survey(path).cuts == [15, 30]
    assert footage.survey(films.write(tmp_path / "b.mp4", moving(0))).cuts == []


def test_a_single_frame_is_a_video(tmp_path):
    found = footage.survey(films.write(tmp_path / "a.mp4", coded(1)))
    assert (len(found.times), found.interval, found.cuts) == (1, 0.0, [])


def packets(start: bytes, length: int) -> bytes:
    return b"".join(start + b"\x47" + bytes(length - len(start) - 1) for _ in range(3))


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "mp4v"), ("mov", "mp4v"), ("avi", "MJPG"), ("mkv", "mp4v")]
)
def test_films_are_known_by_their_content(tmp_path, suffix, codec):
    path = films.write(tmp_path / f"a.{suffix}", films.walk(2), codec)
    assert footage.holds_video(path.read_bytes()[: footage.START])


def test_streams_are_known_by_the_start_of_their_packets():
    assert footage.holds_video(packets(b"", 188)) and footage.holds_video(packets(b"time", 192))
    assert not footage.holds_video(b"\x47" + bytes(300))


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"#EXTM3U\n#\xff\nhttp://localhost/a.ts\n",
        b"ffconcat version 1.0\n#\xff\nfile secret.mp4\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\x89PNG\r\n\x1a\n",
        b"ID3\x04",
    ],
)
def test_nothing_else_reaches_a_decoder(start):
    assert not footage.holds_video(start)
