"""The report as a person runs it: measured on every set, written as JSON, shown in the card."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.starter import ablations, answers, left_out, recipe, report
from src.cli import main
from tests import people

COUNTS = {"validation": 40, "test": 12}
TRAINING = {
    "data_dirs": ["others"],
    "epochs": 6,
    "best_epoch": 5,
    "seconds": 60.0,
    "image_size": 96,
    "equalize": False,
    "schedule": "scratch",
}


def faces(folder, name: str, count: int, seed: int) -> None:
    """Write heads, noisier from picture to picture."""
    rng = np.random.default_rng(seed)
    (folder / name).mkdir(parents=True)
    for number in range(count):
        noisy = people.head(200) + rng.normal(0, 1 + number / 2, (200, 200, 3))
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / name / f"{number:02}.png")


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_picture):
    """Return five sources: of two classes without faces, of one class with them."""
    root = tmp_path_factory.mktemp("sources")
    seed = 0
    for source in ("gan256", "dfdc224", recipe.UNSEEN):
        for split, count in COUNTS.items():
            for name in ("real", "fake"):
                folder = root / source / split / name
                folder.mkdir(parents=True)
                for number in range(count):
                    seed += 1
                    Image.fromarray(make_picture(seed)).save(folder / f"{number:02}.png")
    faces(root / "utk200" / "test", "real", 6, 0)
    faces(root / "sd21_768" / "test", "fake", 6, 1)
    return root


@pytest.fixture(scope="module")
def model(bundle_folder, data, tmp_path_factory):
    own = shutil.copytree(bundle_folder, tmp_path_factory.mktemp("model") / "starter")
    words = ["calibrate", "--data-dir", data / "gan256", "--model", own, "--split", "validation"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    change(own, training=TRAINING, metrics={"validation": {"auc": 0.7}})
    return own


def change(bundle, **facts) -> None:
    """Write other facts into the card of a bundle."""
    card = json.loads((bundle / "card.json").read_text())
    (bundle / "card.json").write_text(json.dumps(card | facts))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return a few pictures of the drawn sample."""
    folder = tmp_path_factory.mktemp("few") / "dataset"
    for name in ("real", "fake"):
        (folder / "test" / name).mkdir(parents=True)
        for path in sorted((people.SAMPLE / "test" / name).glob("*.jpg"))[:6]:
            shutil.copy(path, folder / "test" / name)
    return folder


def call(*words):
    return CliRunner().invoke(report.command, [str(word) for word in words])


@pytest.fixture(scope="module")
def results(data, model, drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "DRAWN_SAMPLE", drawn)
        patch.setattr(answers, "CHANGED", 4)
        patch.setattr(answers, "STRICT", replace(answers.STRICT, size=64))
        done = call(
            *("--data-dir", data, "--model", model, "--results", folder, "--only", "test-splits")
        )
    assert done.exit_code == 0, (done.output, done.exception)
    return folder


def test_every_set_is_measured_and_shown(results, model):
    found = json.loads((results / "test-splits.json").read_text())
    rows = {one["name"]: one for one in found["sets"]}
    assert list(rows) == [*recipe.SOURCES, recipe.UNSEEN]
    assert [(one["real"], one["fake"]) for one in rows.values()] == [
        *((12, 12), (12, 12), (6, 0), (0, 6), (12, 12))
    ]
    assert rows["utk200"]["auc"] is None
    assert rows["gan256"]["baseline_inside"] is not None
    alarms = rows["utk200"]["verdicts"]["false_fake"]
    assert alarms["total"] == 6
    assert rows["utk200"]["promises"]["false_fake"]["realised"] == alarms
    assert {one["name"] for one in found["elsewhere"]} == {
        "drawn sample",
        "photographs without faces",
    }
    assert len(answers.FACELESS) == found["elsewhere"][1]["images"]
    card = (model / "MODEL_CARD.md").read_text()
    for name, one in rows.items():
        if one["auc"]:
            assert f"| {name} | 12 | 12 | {one['auc']['value']:.3f} [" in card


def test_fakes_alone_are_set_against_the_faces_of_the_others(results):
    found = json.loads((results / "test-splits.json").read_text())
    first, strict = found["together"]
    # The pictures of the other two sources show no face; those of utk200 do.
    assert (first["name"], first["real"], first["fake"]) == ("sd21_768", 6, 6)
    assert first["left_out"]["no_face"] == 24
    assert first["auc"] is not None
    assert strict["frame"]["enlarge"] is False


def test_changes_are_measured_on_the_images_that_they_change(results):
    found = json.loads((results / "test-splits.json").read_text())
    assert set(found["changes"]) == {"gan256", "dfdc224", recipe.UNSEEN}
    for rows in found["changes"].values():
        assert [one["name"] for one in rows] == list(answers.CHANGES)
        assert {one["images"] for one in rows} == {8}
        for one in rows:
            assert one["loss"]["low"] <= one["loss"]["value"] <= one["loss"]["high"]


def test_what_was_measured_is_kept_and_another_bundle_is_noticed(results, model, data, tmp_path):
    words = ("--data-dir", data, "--results", results, "--only", "test-splits")
    before = (results / "test-splits.json").read_text()
    assert call(*words, "--model", model, "--card", tmp_path / "a.md").exit_code == 0
    assert (results / "test-splits.json").read_text() == before
    other = shutil.copytree(model, tmp_path / "other")
    change(other, created="2031-01-01T00:00:00+00:00")
    refused = call(*words, "--model", other)
    assert refused.exit_code == 2
    assert "another bundle" in refused.stderr


def test_nothing_measured_or_nothing_to_measure_on_is_told(tmp_path, model):
    bare = call("--results", tmp_path, "--only", "card", "--card", tmp_path / "card.md")
    assert bare.exit_code == 2
    assert "--only test-splits" in bare.stderr
    assert "--data-dir" in call("--results", tmp_path, "--model", model).stderr
    assert not list(tmp_path.iterdir())


def test_sources_are_left_out_in_turn_and_not_again(results, data, model, tmp_path, monkeypatch):
    """A run without a source takes hours; here a bundle that is there stands for it."""
    runs = tmp_path / "runs"
    for source in ("gan256", "sd21_768"):
        own = shutil.copytree(model, runs / f"without_{source}")
        change(own, metrics={"validation": {"auc": 0.7}})
    trained = []
    monkeypatch.setattr("src.train.train", lambda *a, **k: trained.append(k))
    for split in ("test", "validation"):
        for source, kind in (("sd21_768", "fake"), ("utk200", "real")):
            if not (data / source / split).exists():
                faces(data / source / split, kind, 4, 2)
    words = ("--data-dir", data, "--results", results, "--only", "left-out", "--runs", runs)
    place = tmp_path / "card.md"
    for _ in range(2):
        done = call(*words, "--source", "gan256", "--source", "sd21_768", "--card", place)
        assert done.exit_code == 0, done.output
        monkeypatch.setattr(left_out, "measure", lambda *_: pytest.fail("measured again"))
    assert not trained
    found = json.loads((results / "without_sd21_768.json").read_text())
    assert (found["test"]["real"], found["test"]["fake"]) == (6, 6)
    assert (found["validation"]["real"], found["validation"]["fake"]) == (4, 4)
    text, other = place.read_text(), json.loads((results / "without_gan256.json").read_text())
    assert f"| gan256 | 6 | {other['validation']['auc']['value']:.3f} [" in text
    assert "2 of the runs were not done" in text


def test_ablations_change_one_thing_each_and_are_measured_once(
    results, data, model, tmp_path, monkeypatch
):
    names = ("as in the recipe", "no self-blends")
    monkeypatch.setattr(ablations, "ABLATIONS", {name: ablations.ABLATIONS[name] for name in names})
    monkeypatch.setattr(ablations, "JUDGED", ("gan256",))
    trained = []

    def train(settings, output, **_options):
        trained.append(settings)
        change(shutil.copytree(model, output), training=TRAINING)

    monkeypatch.setattr("src.train.train", train)
    words = ("--data-dir", data, "--model", model, "--only", "ablations", "--results", results)
    for _ in range(2):
        done = call(*words, "--runs", tmp_path / "runs", "--card", tmp_path / "card.md")
        assert done.exit_code == 0, done.output
    plain, without = trained
    assert without == replace(plain, self_blend=0.0) != plain
    assert plain.weights == f"{model}.stage-1/model.keras"
    found = json.loads((results / "ablation_no_self-blends.json").read_text())
    assert found["validation"]["gan256"]["real"] == COUNTS["validation"]
    assert "| no self-blends | " in (tmp_path / "card.md").read_text()


def test_every_ablation_can_be_asked_for(tmp_path):
    runs = [ablations.settings(name, tmp_path, tmp_path) for name in ablations.ABLATIONS]
    assert len({str(one) for one in runs}) == len(runs)
