"""Copies and near-duplicates, and that ten thousand of them do not take for ever."""

import time

import numpy as np
import pytest
from PIL import Image

from src.auditing import duplicates, facts
from tests.auditing import planted


def write(folder, pictures):
    paths = [folder / f"{number:05}.png" for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        picture.save(path)
    return paths


def near(paths, groups=None):
    groups = groups or [str(path) for path in paths]
    return duplicates.near_duplicates(facts.measure(paths), paths, groups)


def test_what_was_scaled_brightened_or_compressed_is_found(tmp_path):
    original = planted.picture(0, 128)
    original.save(tmp_path / "q.jpg", quality=40)
    changed = [original.resize((90, 90)), original.point(lambda v: v * 0.8 + 20), original]
    paths = [*write(tmp_path, [*changed, planted.picture(1, 128)]), tmp_path / "q.jpg"]
    assert near(paths) == [[0, 1, 2, 4]]


def test_different_pictures_are_no_near_duplicates(tmp_path):
    assert near(write(tmp_path, [planted.picture(seed) for seed in range(120)])) == []


def test_close_hashes_are_confirmed_on_pixels(tmp_path):
    """Flat pictures hash alike, whatever their brightness."""
    flat = [Image.new("RGB", (64, 64), (level,) * 3) for level in (0, 90, 180)]
    assert near(write(tmp_path, flat)) == []


def test_what_belongs_together_is_not_suspicious(tmp_path):
    paths = write(tmp_path, [planted.picture(0), planted.picture(0, 80)])
    assert near(paths, ["video", "video"]) == []
    assert near(paths, ["video", "other"]) == [[0, 1]]


def test_copies_count_as_one_picture(tmp_path):
    one, two = planted.picture(0), planted.picture(0).point(lambda v: v * 0.9)
    paths = write(tmp_path, [one, one, planted.picture(1), two])
    assert duplicates.copies(facts.measure(paths)) == [[0, 1]]
    assert near(paths) == [[0, 1, 3]]
    assert near(paths[:3]) == []


@pytest.mark.parametrize("kind", ["equal", "same hash", "close hashes"])
def test_thousands_of_a_kind_take_seconds(tmp_path, monkeypatch, kind):
    count = 3_000 if kind == "close hashes" else 10_000
    (path,) = write(tmp_path, [planted.picture(0)])
    known = facts.measure([path])
    arrays = {name: np.repeat(array, count, axis=0) for name, array in vars(known).items()
              if isinstance(array, np.ndarray)}  # fmt: skip
    rng = np.random.default_rng(0)
    if kind != "equal":
        arrays["pixels"] = rng.integers(0, 256, (count, 16), np.uint8)
    if kind == "close hashes":
        flips = np.zeros((count, 64), np.uint8)
        for row in flips:
            row[rng.choice(64, 3, replace=False)] = 1
        arrays["hashes"][:, 0] ^= np.packbits(flips, axis=1)
    start = time.monotonic()
    paths, groups = [path] * count, [str(number) for number in range(count)]
    compared = []
    original = duplicates._alike
    monkeypatch.setattr(duplicates, "_alike", lambda *a: compared.append(1) or original(*a))
    # One file stands for all; decoding it ten thousand times is not what is measured.
    look = duplicates.pixels.load(path, duplicates.COMPARED_SIZE)
    monkeypatch.setattr(duplicates.pixels, "load", lambda *a: look)
    found = duplicates.near_duplicates(facts.Facts(**arrays), paths, groups)
    assert [len(members) for members in found] == ([] if kind == "equal" else [count])
    assert len(compared) <= 5 * count
    assert time.monotonic() - start < 60
