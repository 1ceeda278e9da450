"""Training on data that is not fit to learn from: refused, levelled, or allowed and noted."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from src import CheckFailed
from src.data import dataset, equalize, pixels
from src.detector.card import read_card
from src.evaluate import evaluate
from src.train import train as train_and_export
from src.training.settings import Settings
from tests import tiny
from tests.auditing import planted

# An export takes longer than these trainings.
train = partial(train_and_export, export=False)


@pytest.fixture(autouse=True)
def _tiny_backbone():
    tiny.register()


@pytest.fixture(scope="module")
def shortcut(tmp_path_factory) -> Path:
    """Return a data set whose fakes are PNG files; do not change it."""
    folder = tmp_path_factory.mktemp("shortcut")
    return planted.data(folder, lambda n, _: {"suffix": ".png"} if n == "fake" else {})


def settings(folder: Path, **changes) -> Settings:
    chosen = {"backbone": "tiny", "image_size": 32, "weights": "none", "warmup_epochs": 0}
    return Settings((str(folder),), **(chosen | {"finetune_epochs": 1} | changes))


def test_a_planted_shortcut_is_refused_and_explained(shortcut, tmp_path):
    with pytest.raises(CheckFailed, match="by the format above all") as refused:
        train(settings(shortcut), tmp_path / "detector")
    assert "PNG in 100%" in str(refused.value) and "--equalize" in str(refused.value)
    assert not (tmp_path / "detector").exists()
    train(settings(shortcut, max_shortcut_auc=1.0), tmp_path / "detector")


def test_an_allowed_shortcut_stands_in_the_card(shortcut, tmp_path):
    output = train(settings(shortcut, allow_shortcut=True), tmp_path / "detector")
    card = read_card(output)
    assert str(shortcut.parent) not in (output / "card.json").read_text()
    assert card.training["allow_shortcut"] is True
    assert card.data["audit"]["stops"] == ["container_shortcut"]
    assert card.data["audit"]["container"]["auc"]["low"] == 1.0


def test_allowing_a_shortcut_allows_nothing_else(shortcut, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(shortcut, folder)
    shutil.copy(folder / "train/real/p0003.jpg", folder / "test/real/p0003.jpg")
    with pytest.raises(CheckFailed, match="copies of one another across splits") as refused:
        train(settings(folder, allow_shortcut=True), tmp_path / "detector")
    assert "by the format" not in str(refused.value)


def test_equalising_trains_on_levelled_images_and_says_so(shortcut, tmp_path):
    asked = settings(shortcut, equalize=True, equalize_size=48)
    card = read_card(train(asked, tmp_path / "detector"))
    assert card.data["equalized"] == {"size": 48, "quality": equalize.QUALITY}
    assert card.data["audit"]["stops"] == []
    assert card.data["audit"]["container"]["auc"]["low"] == 1.0
    assert card.data["audit"]["equalized"]["container"]["auc"]["high"] == 0.5
    assert card.data["audit"]["equalized"]["size"] == 48
    measured = evaluate([shortcut], tmp_path / "detector", split="validation", quick=True)
    assert measured.whole.equalized.fake == measured.whole.metrics.fake


def test_both_learnt_splits_are_equalised(shortcut, tmp_path):
    splits = ("train", "validation")
    read = equalize.equalized(pixels.load, 48)
    data = dataset.load(dataset.find([shortcut], splits), 32, tmp_path, read)
    for split in splits:
        index = data.indices(split)[-1]
        path = data.samples[index].path
        levelled = equalize.equalize(pixels.read(path), 32, side=48)
        assert (data.cache[index] == levelled).all()
        assert (data.cache[index] != pixels.load(path, 32)).any()
        assert (levelled != equalize.equalize(pixels.read(path), 32)).any()
    assert read_container(equalize.encode(pixels.read(path), 32)) == ("JPEG", (32, 32), {})


def read_container(data: bytes):
    with pixels.identify(data) as picture:
        return picture.format, picture.size, dict(picture.getexif())


def test_evaluate_sets_the_baseline_beside_the_detector(tmp_path, run):
    def rougher(name, number):
        return {"quality": 40} if name == "fake" else {}

    folder = planted.data(tmp_path / "set", rougher)
    output = train(settings(folder, allow_shortcut=True), tmp_path / "detector")
    where = ("--model", output, "--output", tmp_path / "out")
    result = run("evaluate", "--quick", "--data-dir", folder, *where)
    assert "a baseline that sees six simple statistics" in result.stdout
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    # Compression shows in the bytes per pixel, which the baseline sees.
    assert written["baseline"]["auc"]["value"] > 0.95
    assert written["baseline"]["images"] == written["images"]
