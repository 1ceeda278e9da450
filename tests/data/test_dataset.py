"""The images of a training run, and what is left of them where they cannot be used."""

from functools import partial

import pytest

from src import CheckFailed
from src.data import dataset, folders
from src.data.cache import ImageCache
from tests.data.layouts import fill


def test_of_images_that_cannot_be_used_no_file_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "ImageCache", partial(ImageCache, memory_bytes=0))
    samples = folders.scan([fill(tmp_path / "set", {"train/real": 2, "train/fake": 2})])
    (tmp_path / "run").mkdir()
    with pytest.raises(CheckFailed, match="4 of 4 images cannot be read"):
        dataset.load(samples, 32, tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []
