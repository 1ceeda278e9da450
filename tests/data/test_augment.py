"""What augmentation may do to an image, and what it must leave alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from src import InputError
from src.data import augment

OPERATIONS = [operation for operation, _ in augment._RECIPES["full"]]


@pytest.fixture
def photo():
    """A smooth image with some grain, so that every operation leaves a trace."""
    y, x = np.mgrid[:64, :64]
    smooth = np.dstack([x * 3 + 20, y * 3 + 20, 100 + 60 * np.sin(x / 7) * np.cos(y / 9)])
    return (smooth + np.random.default_rng(1).normal(0, 4, smooth.shape)).clip(0, 255).astype("u1")


@pytest.mark.parametrize("level", augment.LEVELS)
def test_shape_dtype_and_input_are_kept(photo, level):
    before = photo.copy()
    for seed in range(20):
        image = augment.augment(photo, np.random.default_rng(seed), level)
        assert image.shape == photo.shape
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("level", augment.LEVELS)
def test_the_generator_decides_and_nothing_else(photo, level):
    def draw(seed):
        return augment.augment(photo, np.random.default_rng(seed), level)

    alone = [draw(seed) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        for mine, theirs in zip(alone, pool.map(draw, range(16)), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("level", ["light", "full"])
def test_one_generator_gives_ever_new_images(photo, level):
    rng = np.random.default_rng(0)
    images = {augment.augment(photo, rng, level).tobytes() for _ in range(20)}
    assert len(images) > 12


def test_none_is_the_image_itself(photo):
    np.testing.assert_array_equal(augment.augment(photo, np.random.default_rng(0), "none"), photo)


def test_light_maps_each_level_to_one_level_and_keeps_every_pixel_in_place(photo):
    """Up to a mirror image: a resampled or compressed image would mix neighbours."""
    for seed in range(30):
        image = augment.augment(photo, np.random.default_rng(seed), "light")
        assert any(is_tone_curve(photo[:, ::step], image) for step in (1, -1))


def is_tone_curve(before, after):
    levels = [np.unique(after[before == value]) for value in range(256)]
    if any(len(level) > 1 for level in levels):
        return False
    return bool((np.diff([level[0].astype(int) for level in levels if len(level)]) >= 0).all())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_changes_the_image_but_keeps_it_recognisable(photo, operation):
    mirrored = operation is augment._flip
    for seed in range(10):
        image = operation(photo, np.random.default_rng(seed))
        assert (image != photo).any()
        shown = image[:, ::-1] if mirrored else image
        assert np.abs(shown.astype(int) - photo).mean() < 40


def test_compression_keeps_the_channel_order():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 220
    image = augment._compress(red, np.random.default_rng(0))
    np.testing.assert_allclose(image.mean((0, 1)), (220, 0, 0), atol=4)


def test_warp_fills_the_corners_from_the_image():
    white = np.full((64, 64, 3), 255, np.uint8)
    for seed in range(10):
        assert augment._warp(white, np.random.default_rng(seed)).min() == 255


def test_closer_shows_a_square_part_whole():
    places = np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1))
    image = np.dstack([places, places.T, places])
    widths = []
    for seed in range(20):
        seen = augment._closer(image, np.random.default_rng(seed)).astype(int)
        assert (np.diff(seen[30, :, 0]) >= 0).all() and (np.diff(seen[:, 30, 1]) >= 0).all()
        across, down = np.ptp(seen[30, :, 0]), np.ptp(seen[:, 30, 1])
        assert across == pytest.approx(down, abs=3)
        widths.append(across / np.ptp(places))
    assert augment.MIN_PART - 0.05 < min(widths) < 0.8 and max(widths) > 0.9


def test_traces_shows_a_third_of_the_images_more_closely_and_leaves_a_quarter_fine():
    chances = dict(augment._RECIPES["traces"])
    assert chances.pop(augment._closer) == 0.3
    kept = {augment._flip, augment._tone}
    spared = np.prod([1 - chance for operation, chance in chances.items() if operation not in kept])
    assert spared * 0.7 == pytest.approx(0.25, abs=0.02)


def test_full_does_not_lean_on_a_global_generator(photo):
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    for seed in range(10):
        augment.augment(photo, np.random.default_rng(seed), "full")
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_an_unknown_level_is_refused(photo):
    with pytest.raises(InputError, match="none, light, traces, full"):
        augment.augment(photo, np.random.default_rng(0), "heavy")
