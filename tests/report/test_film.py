"""Annotated videos."""

import os
import threading
from threading import Event, Thread

import cv2
import numpy as np
import pytest

from src import InputError
from src.report import film
from src.report.film import Mark, paint, write


def grey(level, width=96, height=48):
    return np.full((height, width, 3), level, np.uint8)


def shown(path):
    """Return the mean of each frame and when it is shown, in seconds."""
    capture = cv2.VideoCapture(str(path))
    found = []
    while capture.grab():
        time = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        found.append((time, float(capture.retrieve()[1].mean())))
    return found


def test_a_film_that_dawdles_is_shown_at_its_own_times(tmp_path):
    frames = [(3.0, grey(20)), (3.1, grey(120)), (4.1, grey(220)), (4.11, grey(60))]
    paths = [tmp_path / "a.mp4", tmp_path / "a.webm"]
    write(paths, iter(frames), 10)
    for path in paths:
        found = shown(path)
        assert [time for time, _ in found] == pytest.approx(np.arange(12) / 10, abs=0.01)
        levels = [level for _, level in found]
        # The third is due only just before the fourth, which takes its place.
        assert levels == pytest.approx([20, *[120] * 10, 60], abs=6)
    assert not list(tmp_path.glob(".*"))


def test_colours_stay_what_they_are(tmp_path):
    red = grey(0, 64)
    red[..., 0] = 200
    write([tmp_path / "a.mp4"], [(0.0, red)], 25)
    _, frame = cv2.VideoCapture(str(tmp_path / "a.mp4")).read()
    assert frame[..., 2].mean() > 150 and frame[..., 0].mean() < 50


def test_the_one_for_browsers_is_small_and_keeps_its_shape(tmp_path):
    write([tmp_path / "a.webm", tmp_path / "a.mp4"], [(0.0, grey(9, 1281, 721))], 25)
    sizes = {}
    for path in tmp_path.iterdir():
        sizes[path.suffix] = cv2.VideoCapture(str(path)).read()[1].shape[:2]
    assert sizes == {".webm": (360, 640), ".mp4": (720, 1280)}
    assert b"webm" in (tmp_path / "a.webm").read_bytes()[:64]


def test_nothing_is_left_where_writing_fails(tmp_path, monkeypatch):
    def frames():
        yield 0.0, grey(9)
        raise RuntimeError("the video ends")

    with pytest.raises(RuntimeError):
        write([tmp_path / "a.mp4"], frames(), 25)
    monkeypatch.setitem(film.CODECS, ".mp4", "none")
    with pytest.raises(InputError, match="--no-annotate"):
        write([tmp_path / "a.mp4"], [(0.0, grey(9))], 25)
    assert not list(tmp_path.iterdir())


def test_a_frame_that_cannot_be_encoded_leaves_neither_thread_nor_file(tmp_path, monkeypatch):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(film._Writer, "_encode", fails)
    with pytest.raises(MemoryError):
        write([tmp_path / "a.mp4"], [(0.0, grey(9))], 25)
    assert not [one for one in threading.enumerate() if one.name.startswith("film")]
    assert not list(tmp_path.iterdir())


def test_films_that_are_begun_at_once_leave_stderr_as_it_was():
    left = Event()

    def begin():
        with film._without_complaints():
            left.wait(5)

    other, kept, before = Thread(target=begin), os.dup(2), os.fstat(2)
    try:
        with film._without_complaints():
            other.start()
            other.join(0.2)
        left.set()
        other.join()
        assert os.path.samestat(os.fstat(2), before)
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def test_heat_stays_in_its_region_and_outlines_anywhere():
    image = grey(100, 200, 160)
    heat = np.ones((3, 3), np.float32)
    painted = paint(image, [Mark((50, 60, 40, 40), (40, 50, 60, 60), heat, "1: fake", "", "fake")])
    assert (image == 100).all(), "the frame itself stays as it is"
    changed = (painted != image).any(axis=2)
    assert changed[52:108, 42:98].all()
    assert not changed[112:].any() and not changed[:, :38].any() and not changed[:40].any()
    for left, top in ((-30, -30), (190, 150), (500, 500), (-500, 0)):
        box = (left, top, 40, 40)
        paint(image, [Mark(box, box, heat, "1: inconclusive 0.50", "frame 0.40", "inconclusive")])


def test_heat_is_painted_where_it_is_and_nowhere_twice():
    image = grey(100, 200, 160)
    half = np.float32([[1, 0]] * 2)

    def shown(*regions):
        # The boxes lie beside what is looked at.
        return paint(image, [Mark((0, 0, 5, 5), one, half, "", "", "real") for one in regions])

    one = shown((40, 40, 80, 60))
    changed = (one != image).any(axis=2)
    assert changed[45:95, 42:70].all() and not changed[45:95, 100:118].any()
    np.testing.assert_array_equal(shown((40, 40, 80, 60), (40, 40, 80, 60)), one)
    both = shown((40, 40, 80, 60), (50, 60, 80, 60))
    np.testing.assert_array_equal(both[42:58, 42:48], one[42:58, 42:48])
    assert np.abs(both[70:90, 55:65].astype(int) - one[70:90, 55:65]).max() < 60
    apart = shown((40, 40, 60, 50), (120, 90, 60, 50))
    assert (apart != image).any(axis=2)[[60, 110], [50, 130]].all()


def test_what_is_noted_of_a_frame_stands_below_the_box_and_in_the_picture():
    image = grey(100, 300, 200)
    cold = np.zeros((2, 2), np.float32)
    for top in (20, 160):
        box = (60, top, 90, 60)
        one, other = (
            (paint(image, [Mark(box, box, cold, "", note, "fake")]) != image).any(axis=2)
            for note in ("", "frame 0.30, evidence for fake")
        )
        rows = np.flatnonzero((one != other).any(axis=1))
        assert len(rows) > 8
        assert rows.min() >= (80 if top == 20 else 170)
