"""A small packed extension, made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import made
import numpy as np
import pytest
import vectors
from PIL import Image

from app.extension.browser import CHROMIUM, Browser, opened
from app.extension.pack import pack
from src.data.faces import save_networks
from src.detector.bundle import load
from src.detector.calibration import Unfamiliar, calibrate
from src.detector.card import CARD_FILE, read_card
from src.export import export


@pytest.fixture(scope="session")
def framed_bundle(
    familiar_bundle: Path, make_picture: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a bundle with faces, calibration, familiarity and a float16 graph."""
    root = tmp_path_factory.mktemp("framed")
    own = Path(shutil.copytree(familiar_bundle, root / "detector"))
    rng = np.random.default_rng(0)
    logits = np.concatenate([rng.normal(-1, 1, 300), rng.normal(1, 1, 300)])
    names = [str(number) for number in range(600)]
    found = calibrate(logits, np.repeat([0, 1], 300), ["made"] * 600, names)
    card = replace(read_card(own), framing=0.5, calibration=found.to_dict())
    (own / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
    save_networks(own / "faces")
    found = replace(found, unfamiliar=Unfamiliar(_middle(own, root), 0.99, 300))
    card = replace(card, calibration=found.to_dict())
    (own / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
    for number in range(40):
        folder = root / "images/validation" / ("real", "fake")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_picture(7000 + number)).save(folder / f"{number}.png")
    export(own, "onnx-float16", [root / "images"])
    return own


def _middle(bundle: Path, root: Path) -> float:
    """Return a distance with made pictures on both sides of it, and none near."""
    paths = []
    for name, content in made.files().items():
        paths.append(root / name)
        paths[-1].write_bytes(content)
    found = load(bundle, "keras").predict_files(paths)
    distances = np.sort([said.unfamiliarity for said in found])
    widest = int(np.argmax(np.diff(distances)))
    return float(distances[widest : widest + 2].mean())


@pytest.fixture(scope="session")
def packed(framed_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the extension for both browsers; do not change it."""
    if not (vectors.EXTENSION / "node_modules").is_dir():
        pytest.skip("needs `npm ci` in app/extension")
    output = tmp_path_factory.mktemp("packed")
    pack(framed_bundle, output)
    return output


@pytest.fixture(scope="module")
def browser(packed: Path) -> Iterator[Browser]:
    pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with opened(packed / "chromium") as browser:
        yield browser
