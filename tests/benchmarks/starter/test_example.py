"""The worked example: a set in halves without copies across, and the commands carried out on it."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.starter import example, recipe
from benchmarks.starter.left_out import measure
from src.data import folders
from src.detector.card import read_card
from src.training.settings import SCRATCH, Settings
from tests import tiny

SIZE = 32


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_picture):
    """Return a set of 30 + 30 test pictures, the first five of which are there twice."""
    folder = tmp_path_factory.mktemp("set") / "unseen"
    for label, name in enumerate(("real", "fake")):
        (folder / "test" / name).mkdir(parents=True)
        for number in range(30):
            picture = make_picture(1000 * label + number)
            Image.fromarray(picture).save(folder / "test" / name / f"{number:02}.png")
            if number < 5:
                nearly = np.clip(picture.astype(int) + 1, 0, 255).astype(np.uint8)
                Image.fromarray(nearly).save(folder / "test" / name / f"again_{number:02}.png")
    return folder


def test_halves_are_links_to_every_image_with_copies_on_one_side(data, tmp_path):
    counts = example.split(data, tmp_path / "halves")
    samples = folders.scan([tmp_path / "halves"])
    assert len(samples) == 70
    assert len({sample.path.resolve() for sample in samples}) == 70
    assert {split: sum(sample.split == split for sample in samples) for split in counts} == {
        split: sum(found.values()) for split, found in counts.items()
    }
    assert 20 <= sum(counts["test"].values()) <= 50
    of = {sample.path.resolve(): sample.split for sample in samples}
    for name in ("real", "fake"):
        for number in range(5):
            folder = data / "test" / name
            assert of[folder / f"{number:02}.png"] == of[folder / f"again_{number:02}.png"]


def test_commands_are_carried_out_and_their_numbers_kept(data, bundle_folder, monkeypatch):
    tiny.register()
    quick = [
        text.replace(
            "--finetune-epochs 4", "--finetune-epochs 1 --backbone tiny --unfreeze-layers 8"
        )
        for text in example.COMMANDS
    ]
    monkeypatch.setattr(example, "COMMANDS", quick)
    found = json.loads(json.dumps(example.measure(bundle_folder, data)))
    assert found["set"] == "unseen"
    assert found["before"]["real"] == found["after"]["real"] == found["counts"]["test"]["real"]
    assert found["before"]["auc"] != found["after"]["auc"]
    assert "STARTER/model.keras --image-size 32" in found["commands"][1]
    assert str(bundle_folder) not in json.dumps(found)


def test_a_source_is_left_out_and_its_run_taken_up(data, tmp_path, monkeypatch):
    """Two sources of both classes; the second is measured by a network that learnt the first."""
    monkeypatch.setattr(recipe, "SOURCES", ("one", "two"))
    for source, seed in (("one", 0), ("two", 1)):
        for split, count in {"train": 12, "validation": 12, "test": 12}.items():
            rng = np.random.default_rng([seed, count, len(split)])
            for label, name in enumerate(("real", "fake")):
                folder = tmp_path / source / split / name
                folder.mkdir(parents=True)
                for number in range(count):
                    picture = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
                    picture[8:24, 8:24] //= 1 + label
                    Image.fromarray(picture).save(folder / f"{number:02}.png")
    settings = Settings(
        (str(tmp_path / "one"),),
        backbone="tiny",
        image_size=SIZE,
        weights="none",
        schedule=SCRATCH,
        warmup_epochs=1,
        finetune_epochs=1,
        augment="light",
        faces="off",
    )
    tiny.register()
    found = measure("two", tmp_path, tmp_path / "runs", settings)
    assert found["learnt_from"] == ["one"]
    assert (found["test"]["real"], found["test"]["fake"], found["epochs"]) == (12, 12, 2)
    created = read_card(tmp_path / "runs" / "without_two").created
    assert measure("two", tmp_path, tmp_path / "runs", settings) == found
    assert read_card(tmp_path / "runs" / "without_two").created == created
