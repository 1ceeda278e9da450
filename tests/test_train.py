"""Training as a person runs it: two phases, killed runs, weights from a file, bad input."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from src import CheckFailed, InputError
from src.detector import bundle, familiarity, load, location, network, residuals
from src.detector.card import read_card
from src.train import train as train_and_export
from src.training.settings import Settings
from tests import tiny

# An export takes longer than these trainings.
train = partial(train_and_export, export=False)

REPOSITORY = Path(__file__).parent.parent
SCHEMA = (REPOSITORY / "src/detector/card.schema.json").read_text()
SIZE = 48


def make_data(folder: Path, counts: dict[str, int], size: int = SIZE) -> Path:
    """Write noise pictures; fakes carry a smooth square, so that there is something to learn."""
    rng = np.random.default_rng(0)
    for split, count in counts.items():
        for name in ("real", "fake"):
            for number in range(count):
                pixels = rng.integers(0, 256, (size, size, 3), np.uint8)
                if name == "fake":
                    pixels[8:40, 8:40] = rng.integers(90, 160, 3)
                path = folder / split / name / f"{number:03d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"), {"train": 24, "validation": 10, "test": 10})


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Real faces alone, out of the drawn sample."""
    folder, sample = tmp_path_factory.mktemp("photographs"), REPOSITORY / "dataset"
    for split, count in {"train": 24, "validation": 10}.items():
        (folder / split / "real").mkdir(parents=True)
        for number in range(count):
            path = Path(split, "real", f"{number:04d}.jpg")
            (folder / path).write_bytes((sample / path).read_bytes())
    return folder


@pytest.fixture(autouse=True)
def _tiny_backbone():
    tiny.register()


def settings(data: Path, **changes) -> Settings:
    chosen = {
        "data_dirs": (str(data),),
        "backbone": "tiny",
        "image_size": SIZE,
        "weights": "none",
        "warmup_epochs": 2,
        "finetune_epochs": 2,
        "unfreeze_layers": 8,
        "batch_size": 8,
        "augment": "light",
    }
    return Settings(**(chosen | changes))


@pytest.fixture(scope="module")
def weights(data, tmp_path_factory) -> Path:
    """A bundle trained from scratch: what two-phase runs start from."""
    tiny.register()
    output = tmp_path_factory.mktemp("scratch") / "detector"
    train(settings(data, finetune_epochs=6, learning_rate=3e-3), output)
    return output / "model.keras"


def history_of(output: Path) -> list[dict[str, str]]:
    with (output / "history.csv").open() as file:
        return list(csv.DictReader(file))


def test_scratch_is_the_default_from_random_weights_and_learns(weights):
    card = read_card(weights.parent)
    rows = history_of(weights.parent)
    assert card.training["schedule"] == "scratch"
    assert card.initial_weights == {"kind": "random"}
    assert len(rows) == 8
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[0] < rates[1] and rates[-1] < 0.1 * max(rates)
    # Inference uses the batch norms' moving averages: with Keras' momentum they would not have
    # left their initial values, and this would be near 0.5.
    assert card.metrics["validation"]["auc"] > 0.9


def test_the_first_epochs_from_scratch_may_see_crops(data, tmp_path, monkeypatch):
    from src.data.pipeline import Batches

    shown = []
    view = Batches.view

    def watched(self, position, epoch):
        image = view(self, position, epoch)
        shown.append((self.shuffle, epoch, image.shape[0]))
        return image

    monkeypatch.setattr(Batches, "view", watched)
    chosen = settings(data, schedule="scratch", warmup_epochs=1, crops=((16, 1), (24, 1)))
    output = train(chosen, tmp_path / "detector")
    sides = {(epoch, side) for shuffled, epoch, side in shown if shuffled}
    assert sides == {(0, 16), (1, 24), (2, SIZE)}
    assert {side for shuffled, _, side in shown if not shuffled} == {SIZE}
    rates = [float(row["learning_rate"]) for row in history_of(output)]
    assert rates[0] > rates[1] > rates[2]
    assert bundle.load(output).model.input_shape == (None, SIZE, SIZE, 3)


@pytest.mark.parametrize("crops", [((SIZE, 1),), ((4, 1),), ((16, 0),), ((16, 9),)])
def test_crops_that_cannot_be_are_refused(data, crops):
    with pytest.raises(InputError, match="--crop"):
        settings(data, schedule="scratch", crops=crops)
    with pytest.raises(InputError, match="--schedule scratch"):
        settings(data, crops=((16, 1),))


def test_smaller_sources_come_more_often(data, tmp_path):
    from src.data import dataset

    small = make_data(tmp_path / "small", {"train": 4, "validation": 2})
    samples = dataset.find((str(data), str(small)), ("train", "validation"))
    found = dataset.load(samples, SIZE, tmp_path)
    plain, balanced = found.positions("train"), found.positions("train", balance=True)
    sources = [found.samples[p.index].source for p in plain]
    sizes = {source: sources.count(source) for source in sources}
    few, many = sorted(sizes.values())
    copies = round((many / few) ** 0.5)
    assert copies > 1 and len(balanced) == many + copies * few
    assert len(found.positions("validation")) == len(found.indices("validation"))
    groups = [p.group for p in balanced if found.samples[p.index].source.endswith("small")]
    assert len(set(groups)) == copies * len({g.partition(" ")[0] for g in groups})
    found.cache.close()


def test_two_phases_from_a_weights_file_raise_the_auc_as_one_history(data, weights, tmp_path):
    before = train(settings(data, schedule="two-phase", finetune_epochs=0), tmp_path / "random")
    output = train(settings(data, weights=str(weights)), tmp_path / "detector")
    card, rows = read_card(output), history_of(output)
    assert card.training["schedule"] == "two-phase"
    assert card.initial_weights["kind"] == "file"
    assert [row["phase"] for row in rows] == ["warm-up", "warm-up", "fine-tune", "fine-tune"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    best = max(rows, key=lambda row: float(row["val_auc"]))
    assert card.training["best_epoch"] == int(best["epoch"])
    assert card.metrics["validation"]["auc"] == float(best["val_auc"])
    assert card.metrics["validation"]["auc"] > read_card(before).metrics["validation"]["auc"]


def test_training_may_start_from_the_detector_that_ships(data, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(location, "STARTER", weights.parent)
    output = train(settings(data, weights="starter"), tmp_path / "detector")
    card = read_card(output)
    assert card.training["schedule"] == "two-phase"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert card.initial_weights == {"kind": "starter", "name": "detector", "sha256": digest}
    assert [row["phase"] for row in history_of(output)] == ["warm-up"] * 2 + ["fine-tune"] * 2
    jsonschema.validate(json.loads((output / "card.json").read_text()), json.loads(SCHEMA))


def test_weights_stored_in_half_are_those_that_were_measured(data, tmp_path, monkeypatch):
    import keras

    from src import train as verb

    measured = []

    def watched(samples, detector, **options):
        measured.extend(detector.model.get_weights())
        return calibrate_on(samples, detector, **options)

    calibrate_on = verb.calibrate_on
    monkeypatch.setattr(verb, "calibrate_on", watched)
    chosen = settings(data, warmup_epochs=0, finetune_epochs=1, half_weights=True)
    output = train(chosen, tmp_path / "detector")
    stored = keras.models.load_model(output / "model.keras").get_weights()
    for kept, seen in zip(stored, measured, strict=True):
        np.testing.assert_array_equal(kept, seen)
        if kept.ndim > 1:
            np.testing.assert_array_equal(kept.astype(np.float16).astype(np.float32), kept)
    assert json.loads((output / "config.json").read_text())["half_weights"] is True


def test_saved_weights_are_those_of_the_best_epoch(data, weights, tmp_path):
    from sklearn.metrics import roc_auc_score

    output = train(settings(data, weights=str(weights)), tmp_path / "detector")
    paths = sorted((data / "validation").rglob("*.png"))
    detector = bundle.load(output)
    p_fake = [result.p_fake for result in detector.predict_files(paths)]
    labels = [int(path.parent.name == "fake") for path in paths]
    expected = read_card(output).metrics["validation"]["auc"]
    assert roc_auc_score(labels, p_fake) == pytest.approx(expected, abs=0.01)


def test_phase_two_starts_where_phase_one_was_best(data, weights, tmp_path, monkeypatch):
    from src.training import phases

    losses = []
    original = phases.Run._callbacks

    def spying(self, phase, *others):
        if phase.name == "fine-tune":
            validation = self._batches(self.dataset.positions("validation"))
            losses.append(self.model.evaluate(validation, verbose=0, return_dict=True)["loss"])
        return original(self, phase, *others)

    monkeypatch.setattr(phases.Run, "_callbacks", spying)
    # A learning rate this high makes a later warm-up epoch worse than an earlier one.
    chosen = settings(data, weights=str(weights), learning_rate=0.3, warmup_epochs=4)
    rows = history_of(train(chosen, tmp_path / "detector"))
    warm_up = [row for row in rows if row["phase"] == "warm-up"]
    best = max(warm_up, key=lambda row: float(row["val_auc"]))
    assert losses == [pytest.approx(float(best["val_loss"]), rel=1e-4)]


def test_warm_up_on_features_gives_the_plain_warm_up(data, weights, tmp_path):
    """With no augmentation and no dropout the views differ from plain epochs in speed alone."""
    same = {"weights": str(weights), "augment": "none", "dropout": 0.0, "finetune_epochs": 0}
    plain = history_of(train(settings(data, **same), tmp_path / "plain"))
    views = history_of(train(settings(data, views=1, **same), tmp_path / "views"))
    for name in ("loss", "val_loss", "val_auc"):
        assert [float(r[name]) for r in views] == pytest.approx(
            [float(r[name]) for r in plain], rel=1e-3
        )


def test_views_are_refused_where_no_weights_make_it_a_training_from_scratch(data, tmp_path):
    with pytest.raises(InputError, match="--views needs a frozen backbone"):
        train(settings(data, views=1), tmp_path / "detector")


def test_tensorboard_log_holds_every_epoch_of_both_phases(data, weights, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = tmp_path / "log"
    train(settings(data, weights=str(weights)), tmp_path / "detector", tensorboard=log)
    for phase, steps in (("warm-up", [0, 1]), ("fine-tune", [2, 3])):
        events = EventAccumulator(str(log / phase / "validation"))
        events.Reload()
        assert [event.step for event in events.Tensors("epoch_auc")] == steps


def test_tensorboard_that_is_missing_is_told_before_anything_else(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[tensorboard\]'"):
        train(settings(data), tmp_path / "detector", tensorboard=tmp_path / "log")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_its_log_belongs_is_refused(run, tmp_path):
    (tmp_path / "log").touch()
    result = run("train", "--data-dir", tmp_path, "--tensorboard", tmp_path / "log")
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_early_stop_ends_a_phase_not_the_run(data, weights, tmp_path):
    chosen = settings(
        data, weights=str(weights), learning_rate=1e-12, warmup_epochs=6, patience=1, dropout=0.0
    )
    phases = [row["phase"] for row in history_of(train(chosen, tmp_path / "detector"))]
    assert phases.count("warm-up") < 6
    assert "fine-tune" in phases


RUN = """
import sys
from tests import tiny
tiny.register()
from src.train import command
command(sys.argv[1:])
"""


def start(data: Path, output: Path, weights: Path, *more: str) -> subprocess.Popen:
    arguments = [
        "--data-dir", data, "--output", output, "--backbone", "tiny", "--image-size", SIZE,
        "--weights", weights, "--warmup-epochs", 3, "--finetune-epochs", 3, "--unfreeze-layers", 8,
        "--batch-size", 8, "--augment", "full", "--deterministic", "--no-export", *more,
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        cwd=output.parent,
        stderr=subprocess.PIPE,
    )


def kill_after(epochs: int, process: subprocess.Popen, output: Path) -> None:
    """Kill a run with SIGKILL as soon as so many epochs are on disk."""
    state = output.with_name(output.name + ".partial") / f"epoch-{epochs:04d}"
    deadline = time.monotonic() + 240
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.stderr.read().decode()


def weights_of(output: Path) -> list[np.ndarray]:
    import keras

    return keras.models.load_model(output / "model.keras").get_weights()


@pytest.mark.parametrize(
    ("images", "options"),
    [
        pytest.param("data", (), id="plain"),
        pytest.param(
            "photographs",
            ("--views=2", "--self-blend", "--image-size=104"),
            id="views of self-blends",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_killed_runs_repeat_the_uninterrupted_one(weights, tmp_path, images, options, request):
    data, whole, killed = request.getfixturevalue(images), tmp_path / "whole", tmp_path / "killed"
    assert start(data, whole, weights, *options).wait() == 0
    kill_after(1, start(data, killed, weights, *options), killed)
    kill_after(4, start(data, killed, weights, *options, "--resume"), killed)
    kill_after(5, start(data, killed, weights, *options, "--resume"), killed)
    assert start(data, killed, weights, *options, "--resume").wait() == 0
    for expected, found in zip(history_of(whole), history_of(killed), strict=True):
        assert expected["phase"] == found["phase"]
        for name in ("learning_rate", "loss", "auc", "val_loss", "val_auc"):
            assert float(found[name]) == pytest.approx(float(expected[name]), abs=1e-6), name
    for expected, found in zip(weights_of(whole), weights_of(killed), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not killed.with_name("killed.partial").exists()


def test_a_run_killed_after_its_bundle_was_written_is_resumed(data, tmp_path, monkeypatch):
    def kill(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("src.train._export", kill)
    chosen = settings(data, warmup_epochs=0, finetune_epochs=1)
    output = tmp_path / "detector"
    with pytest.raises(KeyboardInterrupt):
        train_and_export(chosen, output)
    before = weights_of(output)
    with pytest.raises(InputError, match="--overwrite"):
        train(chosen, output)
    train(chosen, output, resume=True)
    for expected, found in zip(before, weights_of(output), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["detector"]


def test_an_unfinished_run_is_neither_overwritten_nor_mixed_with_another(data, weights, tmp_path):
    output = tmp_path / "detector"
    kill_after(1, start(data, output, weights), output)
    with pytest.raises(InputError, match="--resume"):
        train(settings(data), output)
    with pytest.raises(InputError, match="other settings.*batch_size was 8, is 4"):
        train(settings(data, batch_size=4), output, resume=True)
    train(settings(data, warmup_epochs=0, finetune_epochs=1), output, overwrite=True)
    assert len(history_of(output)) == 1


def test_a_run_is_not_resumed_from_other_weights(data, weights, tmp_path):
    changing, output = tmp_path / "start.keras", tmp_path / "detector"
    changing.write_bytes(weights.read_bytes())
    kill_after(1, start(data, output, changing), output)
    with zipfile.ZipFile(changing, "a") as archive:
        archive.comment = b"fetched anew"
    resumed = start(data, output, changing, "--resume")
    _, errors = resumed.communicate()
    assert resumed.returncode == 2
    assert b"began from other weights" in errors


def test_frozen_epochs_save_the_head_alone(data, weights, tmp_path):
    output = tmp_path / "detector"
    kill_after(2, start(data, output, weights), output)
    partial = output.with_name("detector.partial")
    whole = (partial / "start.weights.h5").stat().st_size
    assert (partial / "epoch-0002" / "model.weights.h5").stat().st_size < whole / 2


def test_a_run_that_never_began_blocks_nothing(data, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        train(settings(tmp_path / "nowhere"), tmp_path / "detector")
    train(settings(data, warmup_epochs=0, finetune_epochs=1), tmp_path / "detector")
    assert [path.name for path in tmp_path.iterdir()] == ["detector"]


def test_a_wrong_folder_is_told_before_keras_is_loaded(tmp_path):
    code = (
        "import sys\nfrom src.train import command\n"
        "try:\n    command(['--data-dir', 'nowhere'])\n"
        "finally:\n    print('keras' in sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stdout == "False\n"
    assert result.stderr.startswith("Error: nowhere")


def test_a_folder_that_is_no_run_of_ours_is_left_alone(data, tmp_path):
    foreign = tmp_path / "detector.partial" / "thesis.txt"
    foreign.parent.mkdir()
    foreign.write_text("years of work")
    with pytest.raises(InputError, match="no run of ours"):
        train(settings(data), tmp_path / "detector", overwrite=True)
    assert foreign.read_text() == "years of work"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file/detector", "cannot write into file"),
        ("file/deeper/detector", "cannot write into file"),
        ("other", "no run of ours"),
        (".", "expected a name"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_first(data, tmp_path, monkeypatch, place, said):
    monkeypatch.chdir(tmp_path)
    for name in ("file", "other.partial"):
        (tmp_path / name).write_text("years of work")
    with pytest.raises(InputError, match=said):
        train(settings(data), Path(place), overwrite=True)
    assert {path.read_text() for path in tmp_path.iterdir()} == {"years of work"}


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("nowhere.h5", "--weights nowhere.h5"),
        ("starter", "--weights starter"),
        ("imagenet", "cannot be reached"),
    ],
)
def test_weights_that_are_missing_are_told_before_the_data_are_looked_at(
    data, tmp_path, monkeypatch, missing, said
):
    monkeypatch.setattr(location, "STARTER", tmp_path / "starter")
    monkeypatch.setattr("src.training.weights._answers", lambda url: False)
    monkeypatch.setattr("src.train.audit", lambda *_, **__: pytest.fail("audited first"))
    with pytest.raises(InputError, match=said):
        train(settings(data, weights=missing), tmp_path / "detector")
    assert not list(tmp_path.iterdir())


def test_both_phases_on_the_sample_raise_the_test_auc(tmp_path):
    from src.evaluate import evaluate

    sample = REPOSITORY / "dataset"
    size = {"image_size": 104, "batch_size": 16}
    first = settings(sample, finetune_epochs=4, learning_rate=3e-3, **size)
    train(first, tmp_path / "first")
    weights = str(headless(tmp_path / "first" / "model.keras", tmp_path / "backbone.keras"))
    both = settings(sample, weights=weights, finetune_epochs=3, **size)
    after = evaluate([sample], train(both, tmp_path / "after"), quick=True).whole.metrics.auc
    assert history_of(tmp_path / "after")[-1]["phase"] == "fine-tune"
    # All images scored alike before, so the AUC was 0.5.
    assert after.low > 0.6


def headless(path: Path, output: Path) -> Path:
    """Write a network anew with a head that has learnt nothing: all images score alike."""
    import keras

    model = keras.models.load_model(path, compile=False)
    logit = model.get_layer(network.LOGIT)
    logit.set_weights([np.zeros_like(weights) for weights in logit.get_weights()])
    model.save(output)
    return output


def test_what_a_network_of_ours_has_learnt_is_not_thrown_away(data, tmp_path):
    first = train(settings(data, finetune_epochs=3), tmp_path / "first")
    idle = settings(
        data, weights=str(first / "model.keras"), learning_rate=1e-12, finetune_epochs=0
    )
    again = train(idle, tmp_path / "again")
    found = [read_card(one).metrics["validation"]["auc"] for one in (first, again)]
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_a_bundle_is_not_overwritten_unasked(data, weights):
    before = weights.read_bytes()
    with pytest.raises(InputError, match="--overwrite"):
        train(settings(data), weights.parent)
    assert weights.read_bytes() == before


def test_the_bundle_is_complete(weights, data):
    names = {path.name for path in weights.parent.iterdir()}
    assert names == {
        *("model.keras", "card.json", "familiarity.npz"),
        *("history.csv", "config.json", "curves.png"),
    }
    card = read_card(weights.parent)
    written = json.loads((weights.parent / "card.json").read_text())
    jsonschema.validate(written, json.loads(SCHEMA))
    assert card.classes == ("real", "fake")
    assert card.image_size == SIZE
    assert card.data["counts"] == {
        "train": {"real": 24, "fake": 24},
        "validation": {"real": 5, "fake": 5},
        "calibration": {"real": 5, "fake": 5},
    }
    assert card.data["drawn_sample"] is False
    assert card.parameters == network.build("tiny", image_size=SIZE).count_params()
    config = json.loads((weights.parent / "config.json").read_text())
    assert config["batch_size"] == 8
    # Where the pictures lay on somebody's disk is nobody's business.
    assert config["data_dirs"] == [data.name]


def test_training_ends_with_a_promise_by_images_that_chose_nothing(weights, data, run, tmp_path):
    card = read_card(weights.parent)
    promise = card.calibration["false_fake"]
    assert (promise["count"], promise["rate"]) == (5, pytest.approx(1 / 6))
    detector = bundle.load(weights.parent)
    own = shutil.copytree(weights.parent, tmp_path / "own")
    # The verb finds the same part of the same folders again.
    again = run("calibrate", "--data-dir", data, "--model", own, "--overwrite", "--json")
    assert again.exit_code == 0, again.stderr
    for name, scores in json.loads(again.stdout)["scores"].items():
        known = card.calibration["scores"][name][data.name]
        np.testing.assert_allclose(scores[data.name], known, atol=1e-4)
    logits = [one.logit for one in detector.predict_files(sorted(data.glob("validation/real/*")))]
    kept = card.calibration["scores"]["real"][data.name]
    assert sum(min(abs(x - y) for y in kept) < 1e-4 for x in logits) == 5


def test_training_ends_with_knowing_what_is_familiar(weights, data):
    card = read_card(weights.parent)
    assert card.familiarity["images"] == 48
    assert card.familiarity["aucs"] == {}, "there is one source"
    detector = bundle.load(weights.parent)
    limit = detector.calibration.unfamiliar
    assert (limit.quantile, limit.images) == (0.99, 10)
    judged = list(detector.predict_files(sorted(data.glob("validation/*/*"))))
    # It is about the training images as they are, without augmentation.
    images = np.stack([np.asarray(Image.open(path)) for path in data.glob("train/*/*")])
    pooled = network.extractor(detector.model).predict_on_batch(images)
    sums = familiarity.sums(np.asarray(pooled), detector.model)
    known = detector.familiarity
    np.testing.assert_allclose(sums.mean(axis=0), known.center, rtol=1e-3, atol=1e-3)
    assert np.median(known.distance(sums)) < np.median([one.unfamiliarity for one in judged])
    assert any(one.unfamiliarity == pytest.approx(limit.threshold, rel=1e-3) for one in judged)
    for one in judged:
        assert ("unfamiliar" in one.reasons) == (one.unfamiliarity > limit.threshold)


def test_training_ends_with_an_export_that_judges_as_keras_does(data, tmp_path):
    chosen = settings(data, warmup_epochs=0, finetune_epochs=1)
    output = train_and_export(chosen, tmp_path / "detector")
    assert "float32" in read_card(output).exports["openvino"]["allowed"]
    path = next(data.glob("test/fake/*"))
    fast, plain = bundle.load(output, "openvino", "float32"), bundle.load(output, "keras")
    assert fast.predict(path).p_fake == pytest.approx(plain.predict(path).p_fake, abs=1e-4)


def test_an_export_that_fails_costs_no_training(data, tmp_path, monkeypatch, caplog):
    from src.exporting import graphs

    def fail(*_):
        raise InputError("no room on the disk")

    monkeypatch.setattr(graphs, "write", fail)
    output = train_and_export(settings(data, warmup_epochs=0, finetune_epochs=1), tmp_path / "d")
    assert read_card(output).exports == {}
    assert "not exported: no room on the disk" in caplog.text
    assert bundle.load(output).engine.name == "keras"


def test_a_calibration_that_fails_costs_no_training(data, tmp_path, monkeypatch, caplog):
    def fail(*_, **__):
        raise CheckFailed("the images went away")

    monkeypatch.setattr("src.train.calibrate_on", fail)
    output = train(settings(data, warmup_epochs=0, finetune_epochs=1), tmp_path / "detector")
    assert read_card(output).calibration is None
    assert "promises nothing until `deepfake calibrate`: the images went away" in caplog.text


def test_a_validation_split_too_small_to_divide_promises_nothing(tmp_path, caplog):
    folder = make_data(tmp_path / "data", {"train": 8, "validation": 1})
    output = train(settings(folder, warmup_epochs=0, finetune_epochs=1), tmp_path / "detector")
    assert read_card(output).calibration is None
    assert "promise nothing until `deepfake calibrate`" in caplog.text


def test_unreadable_images_are_named_and_counted(data, tmp_path):
    folder = make_data(tmp_path / "data", {"train": 24, "validation": 4})
    bad = folder / "train" / "fake" / "000.png"
    bad.write_bytes(b"no picture")
    output = train(settings(folder, warmup_epochs=0, finetune_epochs=1), tmp_path / "detector")
    with (output / "skipped.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(bad)]
    assert "000.png" in rows[0]["reason"]
    assert read_card(output).data["skipped"] == 1
    for number in range(1, 5):
        (folder / "train" / "fake" / f"{number:03d}.png").write_bytes(b"")
    with pytest.raises(CheckFailed, match="5 of 56 images cannot be read"):
        train(settings(folder), tmp_path / "other")


def test_a_split_without_one_class_is_refused(tmp_path):
    folder = make_data(tmp_path / "data", {"train": 4, "validation": 4})
    for path in (folder / "validation" / "fake").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="validation"):
        train(settings(folder), tmp_path / "detector")


def test_real_photographs_alone_train_a_detector_with_self_blending(photographs, tmp_path):
    chosen = {"image_size": 104, "warmup_epochs": 0, "finetune_epochs": 2}
    with pytest.raises(InputError, match="the train split has no fake images.*--self-blend"):
        train(settings(photographs, **chosen), tmp_path / "detector")
    output = train(settings(photographs, self_blend=True, **chosen), tmp_path / "detector")
    card = read_card(output)
    assert card.training["self_blend"] == 1
    assert card.data["counts"]["train"] == {"real": 24, "fake": 0}
    assert card.data["self_blends"] == {"train": 24, "validation": 10}
    assert card.data["no_face"] == 0
    assert 0 <= card.metrics["validation"]["auc"] <= 1
    bundle.load(output)


def test_a_temporal_head_is_refused_before_training_where_self_blends_are_the_only_fakes(
    photographs, tmp_path
):
    chosen = settings(photographs, image_size=104, self_blend=1.0, temporal="lstm")
    with pytest.raises(InputError, match="--temporal lstm needs fakes"):
        train(chosen, tmp_path / "detector")


def test_self_blending_needs_faces_and_only_where_there_are_no_fakes(tmp_path):
    folder = make_data(tmp_path / "data", {"train": 8, "validation": 4})
    chosen = {"self_blend": True, "warmup_epochs": 0, "finetune_epochs": 1}
    card = read_card(train(settings(folder, **chosen), tmp_path / "with"))
    assert card.data["self_blends"] == {}
    assert card.data["no_face"] == 8 + 2
    for path in folder.glob("*/fake/*"):
        path.unlink()
    with pytest.raises(InputError, match="no face was found in any real image of the train split"):
        train(settings(folder, **chosen), tmp_path / "without")


def test_classes_weigh_alike_with_self_blends_among_the_fakes(photographs, tmp_path):
    from src.data import dataset
    from src.training.phases import class_weight

    folder = make_data(tmp_path / "data", {"train": 8, "validation": 4}, 104)
    both = (str(folder), str(photographs))
    samples = dataset.find(both, ("train", "validation"), self_blend=True)
    data = dataset.load(samples, 104, tmp_path, self_blend=True)
    labels = data.labels("train")
    assert (labels.count(0), labels.count(1)) == (32, 32)
    assert class_weight(labels) == {0: 1, 1: 1}
    quarter = replace(data, self_blend=0.25).positions("train")
    blends = {p.index for p in quarter if p.label and p.landmarks is not None}
    assert len(blends) == len(quarter) - 40 == 24 / 4
    indices, landmarks = data.indices("train"), [p.landmarks for p in data.positions("train")]
    assert len(indices) == len(landmarks) == len(data.positions("train")) == 64
    for index, label, face in zip(indices[40:], labels[40:], landmarks[40:], strict=True):
        assert label == 1 and face is not None and data.samples[index].label == 0
    data.cache.close()


def test_a_loss_that_is_no_number_stops_the_run(data, tmp_path, monkeypatch):
    build = network.build

    def broken(*args, **kwargs):
        model = build(*args, **kwargs)
        model.get_layer(network.LOGIT).bias.assign([np.nan])
        return model

    monkeypatch.setattr(network, "build", broken)
    with pytest.raises(CheckFailed, match="learning rate"):
        train(settings(data), tmp_path / "detector")


def test_data_folders_stay_as_they_were(data, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    train(settings(data, warmup_epochs=0, finetune_epochs=1), tmp_path / "detector")
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_the_card_knows_the_drawn_sample(data, tmp_path):
    folder = make_data(tmp_path / "data", {"train": 8, "validation": 4})
    (folder / "drawn_sample.json").write_text("{}")
    chosen = settings(folder, warmup_epochs=0, finetune_epochs=1)
    output = train(chosen, tmp_path / "detector")
    assert read_card(output).data["drawn_sample"] is True
    both = settings(folder, data_dirs=(str(folder), str(data)), warmup_epochs=0, finetune_epochs=1)
    assert read_card(train(both, tmp_path / "both")).data["drawn_sample"] is False


@pytest.mark.parametrize("precision", ["bfloat16"])
def test_half_precision_trains_and_is_saved_in_float32(data, tmp_path, precision):
    import keras

    chosen = settings(data, precision=precision, warmup_epochs=0, finetune_epochs=1)
    output = train(chosen, tmp_path / "detector")
    model = keras.models.load_model(output / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def portraits(folder: Path, count: int = 6) -> Path:
    """Copy a few pictures of the drawn sample, whose faces can be found."""
    for split in ("train", "validation", "test"):
        for name in ("real", "fake"):
            for picture in sorted((REPOSITORY / "dataset" / split / name).iterdir())[:count]:
                place = folder / split / name / picture.name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(picture.read_bytes())
    return folder


def test_a_photograph_is_judged_by_its_face_framed_as_in_training(tmp_path):
    data = portraits(tmp_path / "data")
    output = train(settings(data, warmup_epochs=0, finetune_epochs=1), tmp_path / "detector")
    assert 0.4 < read_card(output).framing < 0.9
    assert sorted(path.stem for path in (output / "faces").iterdir()) == ["onet", "pnet", "rnet"]
    detector = bundle.load(output)
    portrait = data / "test" / "real" / "0000.jpg"
    alone = detector.predict(portrait)
    photograph = np.full((400, 500, 3), 140, np.uint8)
    photograph[200:304, 300:404] = np.asarray(Image.open(portrait))
    Image.fromarray(photograph).save(tmp_path / "photograph.png")
    judged = detector.predict(tmp_path / "photograph.png")
    (face,), (found,) = judged.faces, alone.faces
    assert face.box[0] == pytest.approx(300 + found.box[0], abs=8)
    assert face.box[1] == pytest.approx(200 + found.box[1], abs=8)
    assert "no_face" not in (*judged.reasons, *alone.reasons)
    ((left, top, width, height),) = (view.box for view in detector.framing().views(photograph))
    assert (left + width / 2, top + height / 2) == pytest.approx((352, 252), abs=25)
    assert width == height == pytest.approx(104, rel=0.3)


def test_framing_that_is_asked_for_is_trained_on_and_kept(tmp_path):
    data = portraits(tmp_path / "data")
    chosen = settings(data, warmup_epochs=0, finetune_epochs=1, framing=0.95)
    output = train(chosen, tmp_path / "detector")
    assert read_card(output).framing == 0.95
    whole = train(replace(chosen, framing=None, faces="off"), tmp_path / "whole")
    assert read_card(whole).framing is None
    assert not (whole / "faces").exists()
    # Other pixels, so another loss from the same start.
    assert history_of(output)[0]["loss"] != history_of(whole)[0]["loss"]


def test_pictures_without_faces_are_taken_whole_and_that_is_said(data, tmp_path, caplog):
    output = train(settings(data, warmup_epochs=0, finetune_epochs=1), tmp_path / "detector")
    assert read_card(output).framing is None
    assert "a face was found in 0 of 48 training images" in caplog.text


@pytest.mark.parametrize(
    "wrong", [{"faces": "all"}, {"framing": 1.5}, {"framing": 0.5, "faces": "off"}]
)
def test_framing_that_training_cannot_do(data, wrong):
    with pytest.raises(InputError, match="--f"):
        settings(data, **wrong)


@pytest.mark.slow
def test_a_table_of_residuals_begins_with_the_images_and_is_kept_by_what_starts_from_it(
    data, tmp_path
):
    chosen = settings(
        data, backbone=residuals.NAME, image_size=142, warmup_epochs=1, finetune_epochs=1
    )
    first = train(chosen, tmp_path / "first", export=False)
    weights = str(first / "model.keras")
    second = train(replace(chosen, weights=weights), tmp_path / "second", export=False)
    tables = [
        residuals.table_of(load(folder, "keras").model).get_weights()[0]
        for folder in (first, second)
    ]
    assert np.any(tables[0])
    np.testing.assert_array_equal(*tables)
    assert read_card(second).training["schedule"] == "two-phase"
