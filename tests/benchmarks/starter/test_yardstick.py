"""The yardstick: what its features count, and that it learns what residuals tell."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.starter import yardstick
from src import InputError


def by_hand(channel: np.ndarray) -> np.ndarray:
    """Count the triples of second-order differences, along rows and columns, both ways."""
    counts = np.zeros((7, 7, 7))
    for lines in (channel.astype(int), channel.T.astype(int)):
        for line in lines:
            residual = [
                min(max(line[i] - 2 * line[i + 1] + line[i + 2], -3), 3)
                for i in range(len(line) - 2)
            ]
            for a, b, c in zip(residual, residual[1:], residual[2:], strict=False):
                counts[a + 3, b + 3, c + 3] += 1
                counts[c + 3, b + 3, a + 3] += 1
    return counts.ravel() / counts.sum()


def test_features_are_the_triples_counted_by_hand(make_picture):
    image = make_picture(0, 11, 9)
    grey = np.repeat(image[..., :1], 3, axis=-1)
    found = yardstick.features(grey)
    assert found.shape == (1029,)
    assert found[:343] ** 2 == pytest.approx(by_hand(grey[..., 0]))
    # Grey has no colour: all residuals of both channels are zero.
    assert found[343:686].argmax() == 171 and found[343:686].sum() == pytest.approx(1)


def test_features_do_not_tell_a_picture_from_its_mirror_image_or_turned(make_picture):
    image = make_picture(1)
    found = yardstick.features(image)
    for other in (image[:, ::-1], image[::-1], np.rot90(image)):
        assert yardstick.features(np.ascontiguousarray(other)) == pytest.approx(found)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return a set whose fakes are smoother than its real pictures, and alike otherwise."""
    root = tmp_path_factory.mktemp("source") / "smooth"
    rng = np.random.default_rng(0)
    for split, count in {"train": 24, "validation": 12, "test": 12}.items():
        for name, noise in (("real", 3.0), ("fake", 2.0)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                ramp = np.linspace(60, 60 + rng.integers(120), 24)[None, :, None]
                image = np.clip(ramp + rng.normal(0, noise, (24, 24, 3)), 0, 255)
                Image.fromarray(image.astype(np.uint8)).save(folder / f"{number:02}.png")
    return root


def test_it_learns_from_the_training_split_and_is_measured_on_the_others(source):
    found = yardstick.measure(source, images=40)
    assert (found.source, found.images) == ("smooth", 40)
    for reached in (found.validation, found.test):
        assert reached.value > 0.9
        assert reached.low <= reached.value <= reached.high
    assert found == yardstick.measure(source, images=40)


def test_a_source_of_one_class_is_refused(source, tmp_path):
    (tmp_path / "alone").mkdir()
    for split in ("train", "validation", "test"):
        (tmp_path / "alone" / split).mkdir()
        (tmp_path / "alone" / split / "real").symlink_to(source / split / "real")
    with pytest.raises(InputError, match="no fake images"):
        yardstick.measure(tmp_path / "alone")
