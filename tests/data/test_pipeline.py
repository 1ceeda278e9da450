"""Batches: what the network is fed, in which order, and that it is what `predict` sees."""

import numpy as np
import pytest
from PIL import Image

from src.data import pixels
from src.data.cache import ImageCache
from src.data.pipeline import Batches

SIZE = 24


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    found = [folder / f"{number}.jpg" for number in range(20)]
    for path in found:
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), np.uint8)).save(path)
    return found


@pytest.fixture(params=["memory", "file"])
def cache(request, paths, tmp_path):
    held = ImageCache(paths, SIZE, tmp_path, memory_bytes=0 if request.param == "file" else 10**9)
    yield held
    held.close()


def batches(cache, **options) -> Batches:
    labels = [index % 2 for index in range(len(cache.paths))]
    return Batches(cache, range(len(cache.paths)), labels, 8, **options)


def epoch_of(made: Batches, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    made.epoch = epoch
    parts = [made[number] for number in range(len(made))]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def test_training_sees_the_very_pixels_that_predict_sees(cache, paths):
    images, labels = epoch_of(batches(cache), 0)
    assert images.dtype == np.uint8
    assert labels[:, 0].tolist() == [index % 2 for index in range(20)]
    for _ in range(2):
        for image, path in zip(images, paths, strict=True):
            np.testing.assert_array_equal(image, pixels.load(path, SIZE))
        images, _ = epoch_of(batches(cache), 1)


def test_augmentation_and_order_are_fresh_every_epoch_and_repeat_by_seed(cache):
    options = {"level": "full", "shuffle": True, "seed": 3}
    first, labels = epoch_of(batches(cache, **options), 0)
    again, _ = epoch_of(batches(cache, **options), 0)
    later, _ = epoch_of(batches(cache, **options), 1)
    other, _ = epoch_of(batches(cache, **options | {"seed": 4}), 0)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, later)
    assert not np.array_equal(first, other)
    assert labels.sum() == 10


def test_every_image_comes_once_an_epoch_with_its_own_label(cache, paths):
    images, labels = epoch_of(batches(cache, shuffle=True), 5)
    expected = {pixels.load(path, SIZE).tobytes(): i % 2 for i, path in enumerate(paths)}
    found = {image.tobytes(): int(label[0]) for image, label in zip(images, labels, strict=True)}
    assert found == expected


def test_a_fake_stands_next_to_the_frame_it_was_made_from(cache):
    groups = [str(index // 2) for index in range(20)]
    images, labels = epoch_of(batches(cache, shuffle=True, groups=groups), 2)
    plain, _ = epoch_of(batches(cache), 0)
    position = {image.tobytes(): index for index, image in enumerate(plain)}
    order = [position[image.tobytes()] for image in images]
    assert sorted(order) == list(range(20))
    assert order != list(range(20))
    assert [index // 2 for index in order[::2]] == [index // 2 for index in order[1::2]]
    assert labels.reshape(-1, 2).sum(axis=1).tolist() == [1] * 10


def test_many_frames_of_one_group_are_spread_in_pairs(cache):
    """A video's frames must not fill a batch of their own."""
    groups = ["video"] * 12 + [str(index) for index in range(8)]
    images, _ = epoch_of(batches(cache, shuffle=True, groups=groups), 0)
    plain, _ = epoch_of(batches(cache), 0)
    position = {image.tobytes(): index for index, image in enumerate(plain)}
    of_video = [position[image.tobytes()] < 12 for image in images]
    assert of_video != sorted(of_video, reverse=True)
    assert of_video != sorted(of_video)


def test_a_fake_and_its_original_are_cropped_and_augmented_alike(cache):
    groups = [str(index // 2) for index in range(20)]
    made = batches(cache, groups=groups, crop=8)
    corners = set()
    for position in range(20):
        crop = made.view(position, 1)
        windows = np.lib.stride_tricks.sliding_window_view(cache[position], (8, 8, 3))[:, :, 0]
        (corner,) = np.argwhere((windows == crop).all((2, 3, 4)))
        corners.add((position // 2, *corner))
    assert len(corners) == 10
    assert len({corner[1:] for corner in corners}) > 5
    made.level = "light"
    flat = np.full((SIZE, SIZE, 3), 90, np.uint8)
    cache._hold(0, flat)
    cache._hold(1, flat)
    np.testing.assert_array_equal(made.view(0, 3), made.view(1, 3))


def test_an_image_that_comes_twice_is_varied_twice(cache):
    made = Batches(cache, [3, 3], [1, 1], 2, groups=["a", "a 1"], level="full", seed=1)
    assert (made.view(0, 0) != made.view(1, 0)).any()


def test_threads_of_keras_give_the_same_batches(cache):
    import keras

    made = batches(cache, level="full", shuffle=True)
    expected, _ = epoch_of(made, 0)
    image = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(image, keras.layers.Rescaling(1.0)(image))
    np.testing.assert_array_equal(model.predict(made, verbose=0), expected.astype(np.float32))


def test_cache_decodes_once_and_leaves_nothing_behind(paths, tmp_path, monkeypatch):
    cache = ImageCache(paths, SIZE, tmp_path, memory_bytes=0)
    digests, skipped = cache.fill()
    assert len(set(digests)) == 20
    assert skipped == []
    assert (tmp_path / "images-0.cache").stat().st_size == 20 * SIZE * SIZE * 3
    monkeypatch.setattr(pixels, "load", None)
    assert cache[3].shape == (SIZE, SIZE, 3)
    cache.close()
    assert list(tmp_path.iterdir()) == []


def test_cache_past_its_bound_still_gives_every_image(paths, tmp_path, monkeypatch):
    monkeypatch.setattr("src.data.cache.DISK_BYTES", 5 * SIZE * SIZE * 3)
    cache = ImageCache(paths, SIZE, tmp_path, memory_bytes=0)
    cache.fill()
    assert (tmp_path / "images-0.cache").stat().st_size == 5 * SIZE * SIZE * 3
    for index, path in enumerate(paths):
        np.testing.assert_array_equal(cache[index], pixels.load(path, SIZE))
    cache.close()


LANDMARKS = np.float32([[8, 8], [16, 8], [12, 12], [9, 16], [15, 16]])


@pytest.fixture
def blending(cache):
    """Ten real images, two of them without a face, with their blends, and ten fakes."""
    faces = dict.fromkeys(range(0, 16, 2), LANDMARKS)
    indices = [*range(20), *faces]
    labels = [index % 2 for index in range(20)] + [1] * len(faces)
    landmarks = [faces.get(index) for index in indices]
    groups = [str(index // 2) for index in indices]
    return Batches(cache, indices, labels, 7, groups=groups, landmarks=landmarks, seed=3)


def test_a_self_blend_is_of_its_image_and_surrounded_by_what_stands_for_it(blending):
    for position in range(20, 28):
        blend, real = blending.view(position, 2), blending.view(2 * (position - 20), 2)
        outside = np.ones((SIZE, SIZE), bool)
        outside[1:, 1:-1] = False
        np.testing.assert_array_equal(blend[outside], real[outside])
        assert (blend != real).any()


def test_self_blends_are_fresh_every_epoch_and_repeat_by_seed(blending):
    first, _ = epoch_of(blending, 0)
    again, _ = epoch_of(blending, 0)
    later, _ = epoch_of(blending, 1)
    np.testing.assert_array_equal(first, again)
    assert all((one != other).any() for one, other in zip(first[20:], later[20:], strict=True))


def test_with_self_blending_no_image_is_the_only_one_left_as_it_was(blending, cache):
    """Were fakes from elsewhere or faceless images never changed, that would tell them apart."""

    def changed(positions) -> float:
        pairs = [(p, epoch) for p in positions for epoch in range(12)]
        return np.mean([(blending.view(p, e) != cache[p]).any() for p, e in pairs])

    shares = [changed(part) for part in (range(1, 20, 2), (16, 18), range(0, 16, 2))]
    assert min(shares) > 0.25 and max(shares) < 0.75


def test_a_self_blend_stands_next_to_its_image_and_is_augmented_like_it(blending):
    blending.shuffle = True
    order = np.concatenate([blending._chosen(number, 4) for number in range(len(blending))])
    assert sorted(order) == list(range(28))
    place = {position: place for place, position in enumerate(order)}
    for position in range(20, 28):
        real = 2 * (position - 20)
        three = [place[position], place[real], place[real + 1]]
        assert max(three) - min(three) == 2
    blending.level = "light"
    blend, real = blending.view(21, 2), blending.view(2, 2)
    np.testing.assert_array_equal(blend[0], real[0])
