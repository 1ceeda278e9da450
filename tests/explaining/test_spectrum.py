"""Peaks of upsampling, on pictures that are upsampled here."""

import json

import numpy as np
import pytest

from src.explaining import spectrum


def noise(seed=0, side=256):
    import cv2

    rng = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(rng.normal(0, 60, (side, side, 3)).astype(np.float32), (0, 0), 0.8)
    return (128 + soft).clip(0, 255).astype(np.uint8)


def upsampled(seed=0):
    """A transposed convolution with stride 2 and side 3, whose strokes overlap unevenly."""
    import cv2

    sparse = np.zeros((256, 256, 3), np.float32)
    sparse[::2, ::2] = noise(seed, 128)
    return cv2.filter2D(sparse, -1, np.full((3, 3), 1 / 3)).clip(0, 255).astype(np.uint8)


def checkerboard(seed=0):
    """The unevenness that transposed convolutions leave."""
    image = noise(seed).astype(float)
    image[::2, ::2] += 12
    return image.clip(0, 255).astype(np.uint8)


def test_upsampling_stands_out_and_noise_does_not():
    plain = [spectrum.score(noise(seed)) for seed in range(8)]
    assert abs(np.mean(plain)) < 0.4
    assert spectrum.score(checkerboard()) > max(plain) + 0.5
    assert spectrum.score(upsampled()) > max(plain) + 0.5


def test_the_score_does_not_depend_on_light_and_contrast():
    darker = (checkerboard() * 0.5).astype(np.uint8)
    assert spectrum.score(darker) == pytest.approx(spectrum.score(checkerboard()), abs=0.4)


def test_it_is_held_against_known_real_photographs():
    found = spectrum.measure(checkerboard())
    assert found.reals == len(spectrum.known_reals()) >= 500
    assert found.as_high < 0.01
    middle = np.median(spectrum.known_reals())
    assert -0.5 < middle < 0.5
    sets = json.loads(spectrum.REALS.read_text())["sets"]
    assert sum(sets.values()) == found.reals


def test_small_and_flat_pictures():
    assert spectrum.measure(noise(side=191)) is None
    assert np.isfinite(spectrum.score(np.zeros((192, 300, 3), np.uint8)))


def test_the_score_does_not_depend_on_the_size_of_the_picture():
    large = noise(side=512)
    assert spectrum.score(large) == spectrum.score(large[100:-100, 150:-150])
