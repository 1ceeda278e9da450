"""Self-blends: seeded, confined to their mask, on the face, and not to be told by the whole."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from src import InputError
from src.data import face_mask, pixels
from src.data.self_blend import RATIOS, TARGET_PROBABILITY, counterpart, self_blend

SAMPLE = Path(__file__).resolve().parents[2] / "dataset"
LANDMARKS = np.float32([[70, 60], [110, 62], [91, 82], [74, 104], [108, 106]])
SEEDS = range(60)


@pytest.fixture(scope="module")
def image(make_picture):
    return make_picture(1, 180, 170)


@pytest.fixture(scope="module")
def blends(image):
    return [self_blend(image, LANDMARKS, np.random.default_rng(seed)) for seed in SEEDS]


def digest(image: np.ndarray, seed: int) -> str:
    blend = self_blend(image, LANDMARKS, np.random.default_rng(seed))
    parts = (blend.image, blend.mask, blend.real)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def test_a_seed_gives_one_blend_in_every_thread_and_process(image, tmp_path, python):
    with ThreadPoolExecutor(4) as pool:
        first, second = (list(pool.map(digest, [image] * 8, range(8))) for _ in range(2))
    assert first == second
    assert len(set(first)) == 8
    np.save(tmp_path / "image.npy", image)
    program = (
        "import sys, numpy as np\n"
        "from tests.data.test_self_blend import digest\n"
        "print([digest(np.load(sys.argv[1]), seed) for seed in range(8)])"
    )
    elsewhere = python("-c", program, tmp_path / "image.npy")
    assert elsewhere.stdout.strip() == str(first), elsewhere.stderr


def test_outside_the_mask_the_fake_is_its_real_counterpart(image, blends):
    before = image.copy()
    for blend in blends:
        outside = blend.mask == 0
        assert 0.4 < outside.mean() < 0.99
        np.testing.assert_array_equal(blend.image[outside], blend.real[outside])
        assert (blend.image[~outside] != blend.real[~outside]).any()
        assert blend.image.shape == blend.real.shape == image.shape
        assert blend.image.dtype == blend.real.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


def test_the_mask_lies_on_the_face_whole_and_soft(blends):
    centre = LANDMARKS.mean(0)
    y, x = np.mgrid[:170, :180]
    far = np.hypot(x - centre[0], y - centre[1]) > 2.0 * 40
    for blend in blends:
        assert blend.mask.dtype == np.float32
        assert blend.mask.shape == (170, 180)
        assert 0.99 < blend.mask.max() <= 1
        assert blend.mask.min() == 0
        assert blend.mask[int(centre[1]), int(centre[0])] > 0.99
        assert blend.mask[far].max() == 0
        assert ((blend.mask > 0.1) & (blend.mask < 0.9)).sum() > 100


def test_a_mask_turns_and_grows_with_its_face():
    turned = LANDMARKS @ (2.5 * np.array([[0.8, 0.6], [-0.6, 0.8]])) + (180, 0)
    upright = face_mask.draw(LANDMARKS, (170, 180), np.random.default_rng(4)).weights
    other = face_mask.draw(turned, (500, 500), np.random.default_rng(4)).weights
    y, x = np.mgrid[:170, :180]
    places = np.stack([x, y], -1) @ (2.5 * np.array([[0.8, 0.6], [-0.6, 0.8]])) + (180, 0)
    column, row = np.rint(places).astype(int).clip(0, 499).transpose(2, 0, 1)
    assert np.abs(other[row, column] - upright).max() < 0.2
    assert np.abs(other[row, column] - upright).mean() < 0.01


def test_a_face_from_the_side_keeps_its_width():
    side = LANDMARKS.copy()
    side[:, 0] = 90 + 0.2 * (side[:, 0] - 90)
    front = face_mask.draw(LANDMARKS, (170, 180), np.random.default_rng(4)).weights.sum()
    assert face_mask.draw(side, (170, 180), np.random.default_rng(4)).weights.sum() > 0.5 * front


def test_the_target_is_changed_as_often_as_is_said(blends):
    for name in ("altered", "moved"):
        share = np.mean([blend.parameters[name] == "target" for blend in blends])
        assert share == pytest.approx(TARGET_PROBABILITY, abs=0.15)
    assert {blend.parameters["ratio"] for blend in blends} == set(RATIOS)
    assert {blend.parameters["outline"] for blend in blends} == set(face_mask.OUTLINES)


def test_the_mask_stays_on_the_face_where_the_target_is_moved(image, monkeypatch):
    monkeypatch.setattr("src.data.self_blend.SHIFT_X", 1.0)
    for seed in SEEDS:
        blend = self_blend(image, LANDMARKS, np.random.default_rng(seed))
        shift = 40 * blend.parameters["shift_x"] * (blend.parameters["moved"] == "target")
        middle = np.average(np.arange(180), weights=blend.mask.sum(0))
        assert middle == pytest.approx(91 + shift, abs=9)


def test_the_counterpart_is_the_blends_real(image, blends):
    for seed, blend in zip(SEEDS, blends, strict=True):
        made = counterpart(image, LANDMARKS, np.random.default_rng(seed))
        np.testing.assert_array_equal(made, blend.real)
        changed = "target" in (blend.parameters["altered"], blend.parameters["moved"])
        assert changed == (not np.array_equal(made, image))


def test_where_no_face_is_known_the_counterpart_is_changed_as_often(image):
    made = [counterpart(image, None, np.random.default_rng(seed)) for seed in SEEDS]
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in made)
    changed = np.mean([not np.array_equal(one, image) for one in made])
    assert changed == pytest.approx(1 - (1 - TARGET_PROBABILITY) ** 2, abs=0.15)


def test_neither_colour_nor_sharpness_nor_noise_of_the_whole_gives_blends_away():
    """Had only the source been moved, or were the real left as it is, these would be above."""
    import cv2
    from sklearn.metrics import roc_auc_score

    def statistics(image: np.ndarray) -> list[float]:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
        return [*image.mean((0, 1)), edges.mean(), np.median(edges)]

    reals, fakes = [], []
    for number in range(120):
        image = pixels.read(SAMPLE / "train" / "real" / f"{number:04d}.jpg")
        blend = self_blend(image, 0.62 * LANDMARKS, np.random.default_rng((9, number)))
        reals.append(statistics(blend.real))
        fakes.append(statistics(blend.image))
    labels = [0] * len(reals) + [1] * len(fakes)
    aucs = [roc_auc_score(labels, column) for column in np.array(reals + fakes).T]
    assert np.abs(np.array(aucs) - 0.5).max() < 0.06


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((4, 2)), np.full((5, 2), np.nan), np.full((5, 2), 30.0), [[5, 0]] * 3 + [[5, 9]] * 2],
    ids=["four", "not finite", "one point", "one line"],
)
def test_what_is_no_face_is_refused(image, landmarks):
    with pytest.raises(InputError, match="landmarks"):
        self_blend(image, np.array(landmarks, float), np.random.default_rng(0))
