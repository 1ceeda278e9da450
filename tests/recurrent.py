"""Bundles with a small temporal head."""

import shutil
from pathlib import Path

import numpy as np

from src.detector import bundle, network, temporal


def head(frames=4, width=16, units=8, seed=0):
    """Return a head with random weights, in which the order of the frames counts."""
    model = temporal.build(frames, width, units)
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.6, weight.shape))
    return model


def facts(frames=4):
    """Return what the card says of it."""
    clips = {split: {"real": 1, "fake": 1} for split in ("train", "validation")}
    return {"kind": "lstm", "frames": frames, "parameters": 1, "clips": clips, "training": {},
            "metrics": {}}  # fmt: skip


def save(folder: Path, model, card) -> Path:
    """Write a bundle with a head, for a network of the tiny backbone."""
    folder.mkdir(parents=True)
    head().save(folder / temporal.FILE)
    bundle.save(folder, network.probability(model), card(temporal=facts()))
    return folder


def copy(folder: Path, place: Path) -> Path:
    """Return a copy that may be changed."""
    return Path(shutil.copytree(folder, place / "own"))
