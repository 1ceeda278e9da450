"""The starter's configuration, and the command that makes it."""

from dataclasses import replace

import pytest

from benchmarks.starter import recipe
from src import CheckFailed
from src.detector import residuals
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


def test_every_stage_starts_from_the_one_before_and_can_go_on(done, tmp_path):
    with pytest.raises(CheckFailed, match="it is wrong"):
        recipe.make(tmp_path, tmp_path / "starter")
    *trained, (_, name, dirs) = done
    count = len(recipe.stages(tmp_path))
    assert [options for *_, options in trained] == count * [
        {"resume": True, "overwrite": False, "export": False}
    ]
    weights = [settings.weights for _, settings, _ in trained]
    assert weights[0] == "none"
    assert weights[1:] == [
        str(tmp_path / f"starter.stage-{n}" / "model.keras") for n in range(1, count)
    ]
    whole = [replace(settings, weights="auto") for _, settings, _ in trained[1:]]
    assert whole == list(recipe.stages(tmp_path)[1:])
    assert name == "onnx-float16"
    assert dirs == tuple(str(tmp_path / source) for source in recipe.SOURCES)


def test_make_goes_on_after_the_stages_that_ended(done, tmp_path):
    for number in range(1, len(recipe.stages(tmp_path))):
        recipe.stage(tmp_path / "starter", number).mkdir()
    with pytest.raises(CheckFailed):
        recipe.make(tmp_path, tmp_path / "starter")
    assert [what for what, *_ in done] == ["train", "export"]
    assert done[0][1].image_size == recipe.stages(tmp_path)[-1].image_size
    with pytest.raises(CheckFailed):
        recipe.make(tmp_path, tmp_path / "starter")
    assert [what for what, *_ in done[2:]] == ["export"]


def test_the_last_stage_trains_the_head_alone_on_what_the_one_before_saw(tmp_path):
    *_, whole, head = recipe.stages(tmp_path)
    assert (head.schedule, head.finetune_epochs) == ("two-phase", 0)
    for name in ("framing", "equalize_size", "data_dirs", "augment", "self_blend"):
        assert getattr(head, name) == getattr(whole, name)
    # Xception sees half of what the table sees.
    assert (head.backbone, head.image_size) == (residuals.NAME, 2 * whole.image_size)


def test_what_ships_is_stored_in_half_precision(tmp_path):
    assert recipe.stages(tmp_path)[-1].half_weights


def test_a_short_run_learns_from_the_sources_it_is_given_alone(tmp_path):
    short = recipe.short(tmp_path, ("utk200", "gan256"))
    assert short.data_dirs == (str(tmp_path / "utk200"), str(tmp_path / "gan256"))
    assert short.weights == "none"
    whole = recipe.stages(tmp_path)[-2]
    for name in ("self_blend", "balance", "equalize", "framing", "augment"):
        assert getattr(short, name) == getattr(whole, name)
