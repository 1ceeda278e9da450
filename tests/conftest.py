"""Small detectors and images, made on the spot and shared by a whole test session."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recurrent
import tiny
from click.testing import CliRunner, Result
from PIL import Image

from src.data.folders import Sample
from src.detector import bundle, network
from src.detector.card import Card
from src.training.familiarity import learn

REPOSITORY = Path(__file__).resolve().parent.parent
SIZE = 32


@pytest.fixture(scope="session", autouse=True)
def _cache_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what is remembered between runs out of the home of whoever runs the tests."""
    os.environ["DEEPFAKE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def tiny_backbone() -> Iterator[None]:
    tiny.register()
    yield
    tiny.unregister()


def card(backbone: str = tiny.NAME, image_size: int = SIZE, **changes: Any) -> Card:
    """Return a card with made-up history."""
    facts: dict[str, Any] = {
        "name": "detector",
        "created": "2025-01-01T00:00:00+00:00",
        "backbone": backbone,
        "image_size": image_size,
        "evidence_layer": network.backbone(backbone).evidence_layer,
        "parameters": 1,
        "initial_weights": {"kind": "random"},
        "training": {},
        "data": {},
        "metrics": {},
        "versions": {},
    }
    return Card(**(facts | changes))


@pytest.fixture(scope="session")
def make_card() -> Callable[..., Card]:
    return card


@pytest.fixture(scope="session")
def tiny_model() -> Any:
    """Return a network on the tiny backbone with random weights; do not change them."""
    model = network.build(tiny.NAME, image_size=SIZE)
    tiny.randomise(model)
    return model


@pytest.fixture(scope="session")
def bundle_folder(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle as training writes it; do not change it."""
    folder = tmp_path_factory.mktemp("bundle") / "detector"
    folder.mkdir()
    bundle.save(folder, network.probability(tiny_model), card())
    return folder


@pytest.fixture(scope="session")
def familiar_bundle(
    tiny_model: Any, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the same bundle with a measure of familiarity; do not change it."""
    samples = [
        Sample(Path(f"{seed}.png"), seed % 2, "train", f"source {seed % 3}", str(seed))
        for seed in range(60)
    ]
    learnt = learn(samples, lambda seed: picture(seed, SIZE, SIZE), tiny_model)
    folder = tmp_path_factory.mktemp("familiar") / "detector"
    shutil.copytree(bundle_folder, folder)
    facts = learnt.write(folder)
    bundle.save(folder, network.probability(tiny_model), card(familiarity=facts))
    return folder


@pytest.fixture(scope="session")
def headed(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same bundle with a temporal head over four frames; do not change it."""
    return recurrent.save(tmp_path_factory.mktemp("headed") / "detector", tiny_model, card)


@pytest.fixture(scope="session")
def detector(bundle_folder: Path) -> Any:
    return bundle.load(bundle_folder)


@pytest.fixture(scope="session")
def rough_pictures() -> np.ndarray:
    """Return 96 pictures of 142 pixels that differ by how rough they are."""
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 255, 142)[None, :, None, None] * np.ones((96, 1, 142, 3))
    rough = rng.normal(0, 1, smooth.shape) * rng.uniform(0.2, 6, (96, 1, 1, 3))
    return np.clip(smooth + rough, 0, 255).round().astype(np.uint8)


@pytest.fixture(scope="session")
def residual_network(rough_pictures: np.ndarray) -> Any:
    """Return a random Xception beside a table of residuals that has begun with the pictures."""
    from src.detector import network, residuals

    model = network.build(residuals.NAME, image_size=142)
    residuals.table_of(model).set_weights([residuals.fitted([rough_pictures], [])])
    # Random weights, as large for all that they weigh: what varies more weighs less.
    hidden = model.get_layer(network.HIDDEN)
    kernel, bias = hidden.get_weights()
    kernel[-residuals.UNITS :] /= residuals.GAIN
    hidden.set_weights([kernel, bias])
    return model


@pytest.fixture(scope="session")
def xception() -> Any:
    """Return a small Xception with random weights; tests may freeze and unfreeze it."""
    model = network.build("xception", image_size=71)
    tiny.randomise(model)
    return model


def picture(seed: int, width: int = 48, height: int = 40) -> np.ndarray:
    """Return a picture with large and small shapes: `(height, width, 3)` uint8 RGB."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), float)
    return np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def make_picture() -> Callable[..., np.ndarray]:
    return picture


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return five image files of several sizes and formats; do not change them."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "deeper" / "still").mkdir(parents=True)
    names = ("a.png", "b.jpg", "deeper/c.png", "deeper/still/d.webp", "e.png")
    paths = [folder / name for name in names]
    for seed, path in enumerate(paths):
        Image.fromarray(picture(seed, 40 + 7 * seed, 60 - 3 * seed)).save(path)
    return paths


@pytest.fixture(scope="session")
def test_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with 12 real and 9 fake test images; do not change it."""
    root = tmp_path_factory.mktemp("data")
    for label, (name, count) in enumerate({"real": 12, "fake": 9}.items()):
        folder = root / "test" / name
        folder.mkdir(parents=True)
        for seed in range(count):
            Image.fromarray(picture(100 * label + seed)).save(folder / f"{seed:02}.png")
    return root


@pytest.fixture
def run() -> Callable[..., Result]:
    """Return a function that runs a verb of `deepfake` in this process."""
    from src.cli import main

    def call(*arguments: Any, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(main, [str(a) for a in arguments], input=stdin)
        # An exception that is no exit is a traceback for the person at the command line.
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs Python in a process of its own, at the root of the sources."""

    def call(
        *arguments: Any, cwd: Path = REPOSITORY, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call
