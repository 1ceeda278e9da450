"""The bundle: a folder with everything that inference needs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from src import InputError
from src.data import faces
from src.detector import familiarity, halves, network, resnext, temporal
from src.detector.card import CARD_FILE, FACES_FOLDER, MODEL_FILE, Card, read_card
from src.detector.detector import Detector
from src.detector.engines.choice import AUTO, choose
from src.detector.location import locate
from src.files import require_whole, sha256

if TYPE_CHECKING:
    import keras


def save(folder: Path, model: keras.Model, card: Card) -> None:
    """Write the model (ending in the probability of *fake*) and its card into `folder`.

    Its measure of familiarity and its temporal head, if the card has them, stand there already. The
    networks that find faces go with them, so that they are the same wherever the bundle goes, and
    the card gets the hashes of all of them.
    """
    model.save(folder / MODEL_FILE)
    halves.store(folder / MODEL_FILE)
    files = [folder / MODEL_FILE]
    if card.framing is not None:
        faces.save_networks(folder / FACES_FOLDER)
        files += sorted((folder / FACES_FOLDER).iterdir())
    if card.familiarity is not None:
        files.append(folder / familiarity.FILE)
    if card.temporal is not None:
        files.append(folder / temporal.FILE)
    digests = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    card = replace(card, files=digests)
    (folder / CARD_FILE).write_text(card.to_json(), encoding="utf-8")


def load(
    model: str | Path | None = None, engine: str = AUTO, precision: str | None = None
) -> Detector:
    """Load a detector from its bundle.

    Args:
        model: the bundle; see `location.locate`, also for what None takes.
        engine: what runs it, one of `choice.CHOICES`; `auto` takes the fastest that is installed
            and was checked.
        precision: one of `exports.PRECISIONS`; None takes the fastest, but never int8.

    Raises:
        InputError: no bundle there, or one that cannot be read, or not be run like that.
    """
    folder = locate(model)
    card = read_card(folder)
    path = folder / MODEL_FILE
    if not path.is_file():
        raise InputError(f"{path} is missing: the bundle is incomplete; train it again")
    finder = partial(_finder, folder, card)
    known = familiarity.read(folder, card.familiarity)
    chosen = choose(folder, card, engine, precision)
    if chosen is None:
        head = partial(temporal.load, folder, card)
        return Detector.in_keras(card, _load_model(path, card), finder, known, head)
    head = partial(temporal.load, folder, card, chosen.engine.name)
    if chosen.engine.precision == "int8":
        # What calibrates tracks rests on other scores than those of int8.
        card = replace(card, calibration=chosen.calibration or card.calibration, tracks=None)
    return Detector(card, chosen.engine, finder, partial(_load_model, path, card), known, head)


def _finder(folder: Path, card: Card) -> faces.Finder:
    named = [name for name in card.files if name.startswith(f"{FACES_FOLDER}/")]
    require_whole(folder, {name: card.files[name] for name in named})
    return faces.Finder.from_folder(folder / FACES_FOLDER)


def _load_model(path: Path, card: Card) -> keras.Model:
    import keras

    if digest := card.files.get(MODEL_FILE):
        require_whole(path.parent, {MODEL_FILE: digest})
    with network.in_one_line(f"{path}: cannot be read as a Keras model"):
        model = keras.models.load_model(path, compile=False)
    wanted = {network.POOLING, network.HIDDEN, network.LOGIT}
    if missing := wanted - {layer.name for layer in model.layers}:
        raise InputError(
            f"{path}: not a detector of ours: expected layers named "
            f"{', '.join(sorted(missing))}; train one with `deepfake train`"
        )
    resnext.use_fast_groups(model)
    shape = (None, card.image_size, card.image_size, 3)
    if model.input_shape != shape:
        raise InputError(
            f"{path} takes images of shape {model.input_shape}, its card says {shape}: "
            "they are from different bundles"
        )
    return model
