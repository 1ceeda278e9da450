"""Training, judging and drawing with JAX or PyTorch, where TensorFlow cannot be imported."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from src.detector import bundle
from src.detector.card import read_card
from tests import tiny
from tests.test_train import REPOSITORY, SIZE, history_of, kill_after, make_data, start

RUN = """
import importlib, sys
from tests import tiny
tiny.register()
importlib.import_module("src." + sys.argv[1]).command(sys.argv[2:])
"""


@pytest.fixture(params=["jax", "torch"])
def backend(request):
    if find_spec(request.param) is None:
        pytest.skip(f"needs pip install -e '.[{request.param}]'")
    return request.param


@pytest.fixture
def run(tmp_path, backend):
    """Return a function that runs a verb in a process of its own, without TensorFlow."""
    blocked = tmp_path / "blocked" / "tensorflow" / "__init__.py"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("raise ImportError('tensorflow is blocked in this test')\n")
    paths = os.pathsep.join([str(blocked.parent.parent), str(REPOSITORY)])
    environment = os.environ | {"PYTHONPATH": paths, "KERAS_BACKEND": backend}

    def verb(name: str, *arguments: object) -> str:
        result = subprocess.run(
            [sys.executable, "-c", RUN, name, *map(str, arguments)],
            env=environment, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result.stdout

    return verb


@pytest.mark.slow
def test_the_whole_way_without_tensorflow(run, backend, tmp_path):
    data = make_data(tmp_path / "data", {"train": 16, "validation": 8, "test": 8})
    model = tmp_path / "detector"
    common = ("--data-dir", data, "--backbone", "tiny", "--image-size", SIZE, "--batch-size", 8)
    run("train", *common, "--output", tmp_path / "first", "--weights", "none",
        "--warmup-epochs", 1, "--finetune-epochs", 2)  # fmt: skip
    run("train", *common, "--output", model, "--weights", tmp_path / "first" / "model.keras",
        "--warmup-epochs", 2, "--finetune-epochs", 2, "--views", 2)  # fmt: skip
    card = read_card(model)
    assert backend in card.versions
    assert card.training["schedule"] == "two-phase"

    pictures = sorted((data / "test").rglob("*.png"))
    lines = run("predict", *pictures, "--model", model, "--json").splitlines()
    tiny.register()
    ours = bundle.load(model).predict_files(pictures)
    for line, expected in zip(lines, ours, strict=True):
        said = json.loads(line)
        assert said["p_fake"] == pytest.approx(expected.p_fake, abs=1e-4)
        assert said["unfamiliarity"] == pytest.approx(expected.unfamiliarity, rel=1e-3)

    run("gradcam", pictures[0], "--model", model, "--output", "map.png")
    run("gradcam", pictures[0], "--model", model, "--output", "conv.png", "--layer", "block1_conv")
    assert (tmp_path / "map.png").is_file()
    assert (tmp_path / "conv.png").is_file()
    assert "test AUC" in run("evaluate", "--data-dir", data, "--model", model, "--output", "e")
    assert Path(tmp_path / "e" / "metrics.json").is_file()


@pytest.mark.slow
def test_a_killed_run_repeats_the_uninterrupted_one(backend, tmp_path, monkeypatch):
    """More batches an epoch than Keras reads ahead, or each would come once whatever happens."""
    monkeypatch.setenv("KERAS_BACKEND", backend)
    data = make_data(tmp_path / "data", {"train": 48, "validation": 8})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(data, whole, "none").wait() == 0
    kill_after(2, start(data, killed, "none"), killed)
    assert start(data, killed, "none", "--resume").wait() == 0
    losses = [[float(row["loss"]) for row in history_of(output)] for output in (whole, killed)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
