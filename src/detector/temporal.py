"""The temporal head: what follows from the frames of one person in their order.

Frames → averaged features of the frame network → two bidirectional LSTMs (Hochreiter & Schmidhuber
1997; Schuster & Paliwal 1997) → dropout → logit, over a clip of as many frames as it was made for.
The frame network keeps its own head beside it, so that stills, the evidence map and the frames of a
video are judged as before.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from src import processor
from src.data.onnx_session import open_session
from src.data.sampling import spread
from src.detector import network
from src.detector.card import Card
from src.detector.engines import FEATURES, KERAS, ONNXRUNTIME, OPENVINO
from src.detector.engines.runtimes import read_graph
from src.detector.exports import VARIANTS, Export
from src.files import require_whole

if TYPE_CHECKING:
    import keras

FILE = "temporal.keras"
LSTM = "lstm"
KINDS = (LSTM,)
UNITS, DROPOUT = 512, 0.3
LAYERS = ("lstm_1", "lstm_2")
# From clips (N, T, C) float32 to logits (N,) float32.
Run = Callable[[np.ndarray], np.ndarray]


def build(frames: int, width: int, units: int = UNITS) -> keras.Model:
    """Build a head with random weights.

    Returns:
        A model of Keras' own layers from `(N, frames, width)` to `(N, 1)` float32 logits.
    """
    import keras
    from keras import layers

    clip = x = keras.Input((frames, width), name=FEATURES)
    for name, sequence in zip(LAYERS, (True, False), strict=True):
        x = layers.Bidirectional(layers.LSTM(units, return_sequences=sequence), name=name)(x)
    # With a seed, for the reason that `network.build` gives.
    x = layers.Dropout(DROPOUT, seed=random.randint(1, 10**9), name="dropout")(x)
    x = layers.Dense(1, dtype="float32", name=network.LOGIT)(x)
    return keras.Model(clip, x, name="temporal")


@dataclass(frozen=True)
class Head:
    """A head that is ready to judge. It may be used from several threads at once."""

    frames: int  # of a clip
    run: Run
    model: keras.Model | None = None  # the same in Keras, where that runs it

    def logit(self, features: np.ndarray) -> float:
        """Return the logit of *fake* of one person.

        Args:
            features: `(N, C)` of the person's frames in order, N at least 1. Frames evenly spread
                over them make the clip; fewer than it takes are repeated.
        """
        clip = features[spread(len(features), self.frames)]
        return float(self.run(clip[None])[0])


def in_keras(model: keras.Model) -> Head:
    """Return a head of `build` as Keras runs it."""
    import keras

    def run(clips: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(model.predict_on_batch(clips))[:, 0]

    return Head(model.input_shape[1], _in_turn(run), model)


def load(folder: Path, card: Card, engine: str = KERAS) -> Head | None:
    """Load the head of a bundle, run by what runs the frame network where it was exported for that.

    Args:
        engine: out of `engines.ENGINES`.

    Returns:
        None where the bundle has no head.

    Raises:
        InputError: a file is missing or another one, or cannot be read.
    """
    if card.temporal is None:
        return None
    # Beside OpenVINO, ONNX Runtime is there anyway: Keras loads only where neither has a file.
    wanted = {KERAS: [], OPENVINO: [OPENVINO, ONNXRUNTIME], ONNXRUNTIME: [ONNXRUNTIME]}
    for runner in wanted[engine]:
        for name, variant in VARIANTS.items():
            export = Export.of(card.exports, name)
            if export and variant.head and variant.runner == runner and find_spec(runner):
                export.require_whole(folder)
                return Head(card.temporal["frames"], LOADERS[runner](folder / variant.file))
    return in_keras(load_model(folder, card))


def load_model(folder: Path, card: Card) -> keras.Model:
    """Load the head of a bundle into Keras."""
    import keras

    require_whole(folder, {FILE: card.files.get(FILE)})
    return keras.models.load_model(folder / FILE, compile=False)


def _in_onnxruntime(path: Path) -> Run:
    session = open_session(path, str(path), processor.thread_limit())
    return lambda clips: session.run([network.LOGIT], {FEATURES: clips})[0][:, 0]


def _in_openvino(path: Path) -> Run:
    import openvino

    hints = {
        # Also where the frames are in bfloat16: the head takes no time beside them.
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": processor.thread_limit(),
    }
    core = openvino.Core()
    graph = core.compile_model(read_graph(core, path), "CPU", hints)
    return _in_turn(lambda clips: np.array(graph(clips)[0])[:, 0])


def _in_turn(run: Run) -> Run:
    """Let one thread at a time run what keeps a state while it computes."""
    lock = Lock()

    def run_alone(clips: np.ndarray) -> np.ndarray:
        with lock:
            return run(clips)

    return run_alone


LOADERS: dict[str, Callable[[Path], Run]] = {
    ONNXRUNTIME: _in_onnxruntime,
    OPENVINO: _in_openvino,
}
