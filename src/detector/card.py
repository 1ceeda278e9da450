"""The card: what is known about a detector, `card.json` in its bundle."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src import InputError
from src.files import sha256

# What a bundle holds.
CARD_FILE, MODEL_FILE, FACES_FOLDER = "card.json", "model.keras", "faces"
CARD_FORMAT = 3
# Fields that are objects, and those that may be None as well.
_OBJECTS = ("initial_weights", "training", "data", "metrics", "versions", "files", "exports")
_OPTIONAL = ("calibration", "familiarity", "temporal", "tracks")


@dataclass(frozen=True)
class Card:
    """What is known about a detector."""

    name: str
    created: str  # UTC time of the end of training, ISO 8601
    backbone: str  # key of `network.BACKBONES`
    image_size: int  # side of the square input in pixels
    evidence_layer: str  # the layer whose output the head averages
    parameters: int  # how many weights
    # `kind` (`imagenet`, `starter`, `file` or `random`) and, but for the last, `name` and `sha256`.
    initial_weights: dict[str, Any]
    # Schedule, epochs, best epoch, precision, seconds and the other settings.
    training: dict[str, Any]
    # `fingerprint` of the images, `counts` by split and class, `sources`, `skipped`, and whether
    # all of it is the `drawn_sample` that ships.
    data: dict[str, Any]
    # Results by split; `validation` chose the epoch and is no estimate of the error.
    metrics: dict[str, Any]
    versions: dict[str, str]  # of Python, Keras, its backend and this project
    classes: tuple[str, str] = ("real", "fake")  # class 0 and class 1
    # Temperature, thresholds, the error rates that they promise and the scores behind them, see
    # `calibration.Calibration`; None until calibrated.
    calibration: dict[str, Any] | None = None
    # Share of the frame that the face filled in training; None until measured.
    framing: float | None = None
    # Of the measure of familiarity: `method`, `sha256` of its file, `images` behind it, and the
    # `aucs` that chose the method, see `familiarity.Choice`; None without one. Its threshold is
    # part of the calibration.
    familiarity: dict[str, Any] | None = None
    # Of the temporal head: `kind`, `frames` of a clip, `parameters`, `clips` by split and class,
    # its `training` and its `metrics`; None without one.
    temporal: dict[str, Any] | None = None
    # The calibration of persons over time, by video: how its frames were `sampled`, and the
    # `calibration`, as that of stills; None until calibrated on videos.
    tracks: dict[str, Any] | None = None
    # SHA-256 of the network and of what else goes with it, by path in the bundle.
    files: dict[str, str] = field(default_factory=dict)
    # Files for other runtimes, see `exports.Export`; empty until exported.
    exports: dict[str, Any] = field(default_factory=dict)
    format: int = CARD_FORMAT  # version of this layout

    @property
    def temperature(self) -> float:
        """What divides the logit before the sigmoid; 1 until calibrated."""
        return self.calibration["temperature"] if self.calibration else 1.0

    @property
    def familiarity_sha256(self) -> str | None:
        """The SHA-256 of the measure of familiarity; None without one."""
        return self.familiarity["sha256"] if self.familiarity else None

    @property
    def seed(self) -> int:
        """The seed of the training, which decided what was split at random."""
        return self.training.get("seed", 0)

    @property
    def used(self) -> dict[str, Any]:
        """Which of its images the training used, by the names that `folders.scan` has for it."""
        return {name: self.training.get(name) for name in ("limit_per_class", "fraction")}

    def to_json(self) -> str:
        """Return the card as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def read_card(folder: Path) -> Card:
    """Read the card of the bundle in `folder`.

    Raises:
        InputError: no bundle there, or a card that cannot be read.
    """
    path = folder / CARD_FILE
    if not path.is_file():
        raise InputError(
            f"{folder}: no detector here (no {CARD_FILE}). Train one with "
            f"`deepfake train --data-dir DIR --output {folder}`, or name another with --model"
        )
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error
    found = fields.get("format") if isinstance(fields, dict) else None
    if found != CARD_FORMAT:
        raise InputError(
            f"{path}: expected a card of format {CARD_FORMAT}, found {found!r}; "
            "train the detector again with this version"
        )
    with part("a complete card", path):
        card = Card(**(fields | {"classes": tuple(fields["classes"])}))
    for name in _OBJECTS + _OPTIONAL:
        found = getattr(card, name)
        if not isinstance(found, dict) and not (found is None and name in _OPTIONAL):
            raise InputError(f"{path}: expected an object as {name}, found {found!r}")
    return card


@contextmanager
def part(what: str, path: Path | str = CARD_FILE) -> Iterator[None]:
    """Take up a part of a card; one that is not as we write it is an `InputError`."""
    try:
        yield
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not {what} as this version writes it ({error}): take the bundle as it was "
            "made, or make it again"
        ) from error


def bundle_version(folder: Path) -> str:
    """Return the SHA-256, in hexadecimal digits, that stands for a bundle's card and weights.

    Raises:
        InputError: one of the two is missing.
    """
    digest = hashlib.sha256()
    for name in (CARD_FILE, MODEL_FILE):
        try:
            digest.update(bytes.fromhex(sha256(folder / name)))
        except FileNotFoundError as error:
            raise InputError(f"{folder / name} is missing: copy the bundle whole") from error
    return digest.hexdigest()
