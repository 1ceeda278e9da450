"""Where a fake was manipulated, from masks and from the frames that fakes were made from."""

import cv2
import numpy as np
import pytest
from PIL import Image

from src import InputError
from src.data import folders
from src.evaluation.heatmaps import truth

SIDE = 120
SWAPPED = (slice(35, 90), slice(30, 80))


def face(make_picture, seed=0, side=SIDE):
    return make_picture(seed, side, side)


def swap(original, other):
    """Return a picture whose inside is of another one, and where that is."""
    fake, mask = original.copy(), np.zeros(original.shape[:2], bool)
    fake[SWAPPED] = other[SWAPPED]
    mask[SWAPPED] = True
    return fake, mask


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)


def require_alike(mask, wanted):
    """A region that differs strongly grows by the smoothing, and by no more."""
    assert mask.dtype == bool
    assert mask[wanted].mean() > 0.97
    grown = cv2.dilate(wanted.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    assert not mask[~grown].any()


def compressed(image, quality):
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


@pytest.fixture
def paired(tmp_path, make_picture):
    """Return a data folder with two pairs: one swapped, one shifted."""
    original = face(make_picture)
    fake, _ = swap(original, face(make_picture, 1))
    shifted = np.roll(original, 25, axis=1)
    for name, image in {"real/a.jpg": original, "fake/swap.jpg": fake, "fake/shift.jpg": shifted,
                        "fake/alone.jpg": fake}.items():  # fmt: skip
        save(tmp_path / "set" / "test" / name, image, quality=95)
    table = "split,fake,original\ntest,swap.jpg,a.jpg\ntest,shift.jpg,a.jpg\n"
    (tmp_path / "set" / "pairs.csv").write_text(table)
    return tmp_path


def by_name(data_dirs, samples=None):
    found = truth.find(data_dirs, samples or folders.scan(data_dirs))
    return {path.name: one for path, one in found.items()}


def test_masks_beside_the_splits_belong_to_fakes_of_the_same_name(tmp_path, make_picture):
    for name in ("real/0001", "fake/0001", "fake/0002"):
        save(tmp_path / f"test/{name}.jpg", face(make_picture))
    levels = np.zeros((SIDE, SIDE), np.uint8)
    levels[SWAPPED], levels[:10] = 128, 127
    for name in ("real", "fake"):
        save(tmp_path / f"masks/test/{name}/0001.png", levels)
    assert len(truth.find([tmp_path], folders.scan([tmp_path]))) == 1
    found = by_name([tmp_path])
    np.testing.assert_array_equal(found["0001.jpg"].mask(), levels == 128)
    assert found["0001.jpg"].fake == tmp_path / "test/fake/0001.jpg"


def test_a_mask_goes_before_an_original_and_must_fit_the_image(paired):
    save(paired / "set/masks/test/fake/swap.png", np.full((SIDE, SIDE), 255, np.uint8))
    save(paired / "set/masks/test/fake/alone.png", np.full((SIDE, SIDE // 2), 255, np.uint8))
    save(paired / "set/masks/test/fake/shift.png", np.zeros((SIDE, SIDE), np.uint8))
    found = by_name([paired / "set"])
    assert found["swap.jpg"].mask().all()
    assert found["alone.jpg"].mask() is None
    assert found["shift.jpg"].mask() is None


def test_the_difference_to_the_original_is_the_swapped_region(paired, make_picture):
    found = by_name([paired])
    assert set(found) == {"swap.jpg", "shift.jpg"}, "one step above the layout, as archives unpack"
    _, wanted = swap(face(make_picture), face(make_picture, 1))
    require_alike(found["swap.jpg"].mask(), wanted)


def test_frames_that_do_not_match_tell_nothing(paired, make_picture):
    assert by_name([paired])["shift.jpg"].mask() is None
    larger = face(make_picture, 0, SIDE + 1)
    assert truth.difference(face(make_picture), larger) is None


@pytest.mark.parametrize("quality", [90, 60, 40])
def test_compression_is_no_manipulation(make_picture, quality):
    original = face(make_picture)
    noisy = compressed(original, quality)
    assert np.abs(noisy.astype(int) - original).max() > 5
    assert truth.difference(noisy, original) is None


def test_a_small_speck_is_none_either_and_holes_are_filled(make_picture):
    original = face(make_picture)
    speck = original.copy()
    speck[50:60, 50:60] = 255 - speck[50:60, 50:60]
    assert truth.difference(speck, original) is None
    ring = original.copy()
    ring[SWAPPED] = 255 - ring[SWAPPED]
    ring[50:75, 45:65] = original[50:75, 45:65]
    assert truth.difference(ring, original)[60, 55]


def test_pictures_are_compared_upright(tmp_path, make_picture):
    original = make_picture(0, SIDE, SIDE - 20)
    fake, wanted = swap(original, make_picture(1, SIDE, SIDE - 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "fake.png", np.rot90(fake).copy(), exif=exif)
    save(tmp_path / "original.png", original)
    found = truth.Truth(tmp_path / "fake.png", original=tmp_path / "original.png")
    require_alike(found.mask(), wanted)


def test_a_part_of_the_samples_is_enough(paired):
    """The originals need not be among them."""
    some = [sample for sample in folders.scan([paired]) if sample.path.name == "swap.jpg"]
    assert set(by_name([paired], some)) == {"swap.jpg"}


def test_several_folders_keep_their_own_truth(paired, tmp_path_factory, make_picture):
    other = tmp_path_factory.mktemp("other")
    for name in ("real/a.jpg", "fake/swap.jpg"):
        save(other / "test" / name, face(make_picture))
    both = [paired, other]
    found = truth.find(both, folders.scan(both))
    assert sorted(path.name for path in found) == ["shift.jpg", "swap.jpg"]
    assert all(path.is_relative_to(paired) for path in found)


def test_a_table_that_contradicts_itself_is_an_error(paired):
    save(paired / "set/test/real/b.jpg", np.zeros((SIDE, SIDE, 3), np.uint8))
    samples = folders.scan([paired])
    with (paired / "set" / "pairs.csv").open("a") as table:
        table.write("test,swap.jpg,b.jpg\n")
    with pytest.raises(InputError, match="second original"):
        truth.find([paired], samples)
