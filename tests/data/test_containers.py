import films
import pytest

from src.data.containers import START, holds_video


def packets(start: bytes, length: int) -> bytes:
    return b"".join(start + b"\x47" + bytes(length - len(start) - 1) for _ in range(3))


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "mp4v"), ("mov", "mp4v"), ("avi", "MJPG"), ("mkv", "mp4v")]
)
def test_films_are_known_by_their_content(tmp_path, suffix, codec):
    path = films.write(tmp_path / f"a.{suffix}", films.walk(2), codec)
    assert holds_video(path.read_bytes()[:START])


def test_streams_are_known_by_the_start_of_their_packets():
    assert holds_video(packets(b"", 188)) and holds_video(packets(b"time", 192))
    assert not holds_video(b"\x47" + bytes(300))


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
    assert not holds_video(start)
