"""What the fixed changes keep, what they change, and that they are always the same."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from src import InputError
from src.data import corruptions
from src.data.corruptions import CORRUPTIONS, MILD, jpeg, mild

SHRINKING = {"half size": 2, "quarter size": 4}
SAME_SIZE = [name for name in CORRUPTIONS if name not in SHRINKING and "social" not in name]


@pytest.fixture(scope="module")
def photo():
    """A picture as cameras make them: colours softer than light, and little grain."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(30, 226, (6, 8, 3), np.uint8))
    colours = np.asarray(coarse.resize((161, 120), Image.Resampling.BICUBIC), float)
    fine = np.asarray(Image.fromarray(rng.normal(0, 30, (60, 80))).resize((161, 120)))
    grain = rng.normal(0, 2, (120, 161))
    return (colours + (fine + grain)[..., None]).clip(0, 255).astype(np.uint8)


def psnr(image, other):
    """Return the peak signal-to-noise ratio in dB, after scaling `image` to the size of `other`."""
    back = Image.fromarray(image).resize(other.shape[1::-1], Image.Resampling.BICUBIC)
    return 10 * np.log10(255**2 / np.mean((np.asarray(back, float) - other) ** 2))


def test_names_and_their_order():
    assert list(CORRUPTIONS) == [
        *("jpeg 90", "jpeg 70", "jpeg 50", "jpeg 30", "half size", "quarter size"),
        *("blur", "noise", "screenshot", "social media", "social media twice"),
    ]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 500), (500, 3), (33, 17), (64, 64)])
def test_any_picture_goes(name, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    before = image.copy()
    result = CORRUPTIONS[name](image)
    assert result.dtype == np.uint8
    assert result.shape[2:] == (3,)
    assert result.flags.c_contiguous and result.flags.writeable
    assert min(result.shape) >= 1
    assert all(side <= whole for side, whole in zip(result.shape, image.shape, strict=True))
    if name in SAME_SIZE:
        assert result.shape == image.shape
    assert not np.shares_memory(result, image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_changes_a_picture_and_keeps_it_recognisable(name, photo):
    result = CORRUPTIONS[name](photo)
    assert 18 < psnr(result, photo) < 45
    assert psnr(result, photo) > psnr(result, photo[::-1]) + 5
    assert psnr(result, photo) > psnr(result, photo[:, ::-1]) + 5


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_red_stays_red(name):
    red = np.zeros((64, 48, 3), np.uint8)
    red[..., 0] = 220
    np.testing.assert_allclose(CORRUPTIONS[name](red).mean((0, 1)), (220, 0, 0), atol=5)


def test_same_picture_same_result_in_every_thread_and_order(make_picture):
    pictures = [make_picture(seed, 60, 50) for seed in range(6)]
    jobs = [(change, picture) for change in CORRUPTIONS.values() for picture in pictures]
    jobs += [(lambda image, k=k: mild(image, k), pictures[0]) for k in range(10)]
    alone = [change(picture) for change, picture in jobs]
    with ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(lambda job: job[0](job[1]), jobs[::-1]))
    for mine, theirs in zip(alone, backwards[::-1], strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_view_of_a_picture_is_as_good_as_a_copy(name, photo):
    view = photo[5:-7, -3:10:-1]
    np.testing.assert_array_equal(CORRUPTIONS[name](view), CORRUPTIONS[name](view.copy()))


def test_stronger_compression_changes_more(photo):
    losses = [psnr(CORRUPTIONS[f"jpeg {quality}"](photo), photo) for quality in (90, 70, 50, 30)]
    assert (np.diff(losses) < -0.5).all()
    once, twice = (psnr(CORRUPTIONS[f"social media{n}"](photo), photo) for n in ("", " twice"))
    assert twice < once - 0.5


def test_jpeg_halves_the_resolution_of_colour_alone():
    columns = np.indices((32, 32))[1] % 2
    # Two colours of one lightness, and two lightnesses of one colour.
    hue = np.where(columns[..., None], (190, 90, 110), (90, 142, 110)).astype(np.uint8)
    grey = np.where(columns[..., None], 190, 90).repeat(3, 2).astype(np.uint8)
    hue_after, grey_after = jpeg(hue, 100).astype(int), jpeg(grey, 100).astype(int)
    assert np.abs(np.diff(hue_after[..., 0], axis=1)).max() < 12
    assert np.abs(np.diff(grey_after[..., 0], axis=1)).min() > 80


@pytest.mark.parametrize(("name", "factor"), SHRINKING.items())
def test_shrinking_averages_fine_patterns_out(name, factor):
    board = (np.indices((96, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    small = CORRUPTIONS[name](board)
    assert small.shape == (96 // factor, 64 // factor, 3)
    inner = small[3:-3, 3:-3].astype(int)
    assert np.abs(inner - 127).max() < 20


def test_noise_has_its_strength_and_is_another_for_another_picture():
    images = [np.full((80, 80, 3), level, np.uint8) for level in (120, 121)]
    first, second = (CORRUPTIONS["noise"](image).astype(float) - image for image in images)
    assert first.std() == pytest.approx(corruptions.NOISE, rel=0.05)
    assert abs(first.mean()) < 0.3
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(first[..., 0].ravel(), first[..., 1].ravel())[0, 1]) < 0.05


def test_platforms_have_a_longest_side(make_picture):
    large = make_picture(0, 700, 1900)
    assert CORRUPTIONS["social media"](large).shape == (1080, 398, 3)
    assert CORRUPTIONS["social media twice"](large).shape == (800, 295, 3)


def test_platforms_resample_and_sharpen_small_pictures_too(photo):
    result = CORRUPTIONS["social media"](photo)
    assert result.shape == (108, 145, 3)
    size = result.shape[1::-1]
    plain = jpeg(np.array(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC)), 75)
    assert (
        np.diff(result.astype(int), axis=1).std() > 1.1 * np.diff(plain.astype(int), axis=1).std()
    )


def test_a_screenshot_darkens_the_middle_and_leaves_black_and_white():
    levels = np.array([0, 128, 255], np.uint8)
    shot = CORRUPTIONS["screenshot"](levels.repeat(40)[None, :, None].repeat(60, 0).repeat(3, 2))
    black, middle, white = (shot[:, centre, 0].mean() for centre in (20, 60, 100))
    assert black < 2
    assert white > 253
    assert 122 < middle < 127


def test_mild_encodings_are_all_different_and_none_shows(make_picture, photo):
    results = [mild(photo, number) for number in range(MILD)]
    assert len({(result.shape, result.tobytes()) for result in results}) == MILD
    sizes = {result.shape for result in results}
    assert sizes == {(round(120 * s), round(161 * s), 3) for s in corruptions.MILD_SCALES}
    # A picture with grain loses more of it to scaling than a smooth one.
    assert min(psnr(result, photo) for result in results) > 25
    smooth = np.asarray(Image.fromarray(make_picture(1, 12, 9)).resize((161, 120)))
    assert min(psnr(mild(smooth, number), smooth) for number in range(MILD)) > 36
    one = mild(np.zeros((1, 1, 3), np.uint8), MILD - 1)
    assert one.shape == (1, 1, 3)


def test_a_picture_longer_than_jpeg_holds_is_encoded_smaller():
    image, smaller = np.zeros((2, 70_000, 3), np.uint8), (2, corruptions.MAX_SIDE, 3)
    assert mild(image, 0).shape == smaller
    assert all(
        corruptions.CORRUPTIONS[name](image).shape == smaller for name in ("jpeg 30", "screenshot")
    )


@pytest.mark.parametrize("number", [-1, MILD])
def test_mild_has_no_other_numbers(number, photo):
    with pytest.raises(InputError, match=rf"0 to {MILD - 1}, got {number}"):
        mild(photo, number)
