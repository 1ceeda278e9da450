"""Bringing images of several sources to one framing and size."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.starter.together import Frame, bring_together, opposed
from src.data import pixels
from src.data.folders import Sample
from tests import people


def sample(source: str, label: int, path: str | Path = "") -> Sample:
    return Sample(Path(path), label, "test", source, f"{source}/{path}")


def test_a_source_of_one_class_is_set_against_the_other_class_of_all_others():
    both = [sample("both", 0), sample("both", 1)]
    fakes, reals = [sample("fakes", 1)], [sample("reals", 0)]
    everything = both + fakes + reals
    assert opposed("fakes", everything) == [fakes[0], both[0], reals[0]]
    assert opposed("reals", everything) == [reals[0], both[1], fakes[0]]
    assert opposed("both", everything) == both


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Return a whole portrait, its head alone, a small head, and a picture without a face."""
    folder = tmp_path_factory.mktemp("people")
    pictures = {
        "whole": people.astronaut(),
        "head": people.head(256),
        "small": people.head(72),
        "none": np.full((200, 200, 3), 90, np.uint8),
    }
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    return [sample(name, 0, folder / f"{name}.png") for name in pictures]


def test_faces_come_to_one_framing_size_and_compression(samples, tmp_path):
    frame = Frame("any", 0.7, 96, enlarge=True)
    found = bring_together(samples, people.finder(), frame, tmp_path)
    assert [one.source for one in found.samples] == ["whole", "head", "small"]
    assert (found.no_face, found.too_small) == (1, 0)
    tables = set()
    for one in found.samples:
        picture = Image.open(io.BytesIO(one.path.read_bytes()))
        assert (picture.format, picture.size) == ("JPEG", (96, 96))
        tables.add(str(picture.quantization))
        # The finder needs more pixels than a face of this size has.
        large = pixels.resize(pixels.read(one.path), 288)
        (face, *_) = people.finder().find(large)
        assert face.box[2] / 288 == pytest.approx(0.7, rel=0.15), one.source
    assert len(tables) == 1


def test_a_face_with_too_few_pixels_is_left_out_where_nothing_may_be_enlarged(samples, tmp_path):
    found = bring_together(
        samples, people.finder(), Frame("strict", 0.7, 96, enlarge=False), tmp_path
    )
    assert [one.source for one in found.samples] == ["whole", "head"]
    assert (found.no_face, found.too_small) == (1, 1)
    assert all(
        one.group == f"{one.source}/{path}"
        for one, path in zip(found.samples, (s.path for s in samples), strict=False)
    )
