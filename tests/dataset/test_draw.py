"""The sample that ships: small, repeatable, complete, and not solvable by a trick."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dataset import draw
from src.data import folders, pixels

SAMPLE = Path(__file__).parents[2] / "dataset"


@pytest.fixture(scope="module")
def samples():
    return folders.scan([SAMPLE])


def test_it_is_small_and_every_split_has_both_classes(samples):
    folders.require_both_classes(samples, folders.SPLITS)
    pictures = [*SAMPLE.rglob("*.jpg"), *SAMPLE.rglob("*.png")]
    assert sum(path.stat().st_size for path in pictures) <= 6_000_000
    assert {sample.path for sample in samples} == set(SAMPLE.rglob("*.jpg"))


def test_the_script_draws_the_same_pictures_again():
    """Equal up to what another version of the JPEG encoder may round differently."""
    for label, name in enumerate(folders.CLASSES):
        drawn = draw.draw_picture("test", label, 3)[0]
        shipped = pixels.read(SAMPLE / "test" / name / "0003.jpg")
        assert np.abs(np.clip(drawn, 0, 255) - shipped).mean() < 6
        np.testing.assert_array_equal(drawn, draw.draw_picture("test", label, 3)[0])


def test_every_fake_has_a_mask_of_its_size_and_no_real_has(samples):
    masks = set((SAMPLE / "masks").rglob("*.png"))
    for sample in samples:
        relative = sample.path.relative_to(SAMPLE)
        mask = SAMPLE / "masks" / relative.with_suffix(".png")
        assert (mask in masks) == (sample.label == 1)
        if sample.label == 1 and sample.split == "test":
            with Image.open(mask) as image:
                white = np.asarray(image)
                assert image.size == Image.open(sample.path).size
            assert set(np.unique(white)) == {0, 255}
            assert 0.03 < (white > 0).mean() < 0.35
    assert len(masks) == sum(sample.label for sample in samples)


def test_no_picture_is_there_twice(samples):
    assert len({sample.path.read_bytes() for sample in samples}) == len(samples)


def test_seed_below_zero_is_refused(tmp_path):
    result = CliRunner().invoke(draw.command, ["--seed", "-1", "--output", str(tmp_path)])
    assert result.exit_code == 2
    assert "--seed" in result.stderr


def test_it_says_that_it_is_drawn():
    assert json.loads((SAMPLE / "drawn_sample.json").read_text())["seed"] == draw.SEED


def trick_facts(path: Path) -> list[float]:
    """Return what gives a careless data set away: container, mean colour, global blur."""
    with Image.open(path) as image:
        container = [image.format == "JPEG", *image.size, len(image.info), len(image.getexif())]
        tables = [sum(table) for table in image.quantization.values()]
    rgb = pixels.read(path)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gradient = cv2.Sobel(grey, cv2.CV_32F, 1, 0) ** 2 + cv2.Sobel(grey, cv2.CV_32F, 0, 1) ** 2
    return [
        *map(float, container),
        *map(float, tables),
        float(path.stat().st_size),
        *rgb.mean(axis=(0, 1)).tolist(),
        np.log(cv2.Laplacian(grey, cv2.CV_32F).var()),
        np.log(gradient.mean()),
    ]


def test_a_trick_does_not_solve_it(samples):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    facts = np.array([trick_facts(sample.path) for sample in samples])
    labels = np.array([sample.label for sample in samples])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_predict(model, facts, labels, cv=10, method="decision_function")
    assert roc_auc_score(labels, scores) < 0.65
    # The same model sees a trick where there is one.
    told = np.where(labels == 1, facts[:, -2] + 2, facts[:, -2])
    spoiled = np.column_stack([facts[:, :-2], told, facts[:, -1]])
    scores = cross_val_predict(model, spoiled, labels, cv=10, method="decision_function")
    assert roc_auc_score(labels, scores) > 0.9
