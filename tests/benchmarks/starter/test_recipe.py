"""The starter's configuration, and the command that makes it."""

from dataclasses import asdict, replace

import pytest

from benchmarks.starter import recipe
from src import CheckFailed
from src.export import Outcome
from src.training.settings import Settings


@pytest.fixture
def done(monkeypatch):
    """Note what would be trained and exported."""
    notes: list[tuple] = []

    def train(settings: Settings, output, **options):
        notes.append(("train", settings, options))
        output.mkdir()

    monkeypatch.setattr("src.train.train", train)
    monkeypatch.setattr(
        recipe,
        "export",
        lambda output, name, dirs: (
            notes.append(("export", name, dirs))
            or [Outcome(name, None, {"float16": "it is wrong"})]
        ),
    )
    return notes


def test_make_trains_so_that_it_can_go_on_and_exports_one_file(done, tmp_path):
    with pytest.raises(CheckFailed, match="it is wrong"):
        recipe.make(tmp_path, tmp_path / "starter")
    (_, settings, options), (_, name, dirs) = done
    assert options == {"resume": True, "overwrite": False, "export": False}
    assert settings == recipe.settings(tmp_path)
    assert name == "onnx-float16"
    assert dirs == tuple(str(tmp_path / source) for source in recipe.SOURCES)


def test_make_goes_on_after_a_training_that_ended(done, tmp_path):
    (tmp_path / "starter").mkdir()
    with pytest.raises(CheckFailed):
        recipe.make(tmp_path, tmp_path / "starter")
    assert [what for what, *_ in done] == ["export"]
    with pytest.raises(CheckFailed):
        recipe.make(tmp_path, tmp_path / "other", overwrite=True)
    assert [what for what, *_ in done[1:]] == ["train", "export"]


def test_a_short_run_differs_in_length_alone(tmp_path):
    whole, short = recipe.settings(tmp_path), recipe.short(tmp_path, recipe.SOURCES)
    length = {"crops": whole.crops, "finetune_epochs": whole.finetune_epochs}
    assert asdict(replace(short, **length)) == asdict(whole)
    assert short.finetune_epochs < whole.finetune_epochs
