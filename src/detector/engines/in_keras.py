"""Keras as an engine: what training leaves, and what every other engine is held against."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from src.detector import evidence
from src.detector.engines import KERAS
from src.detector.familiarity import Familiarity, with_unfamiliarity

if TYPE_CHECKING:
    import keras


class KerasEngine:
    """Runs a network of `network.build`, or one saved with its sigmoid, in float32.

    Args:
        familiarity: what the distance to the training faces is computed with; None: it is not.
        features: give the averaged features too, which a temporal head takes.
    """

    name, precision = KERAS, "float32"

    def __init__(
        self, model: keras.Model, familiarity: Familiarity | None = None, features: bool = False
    ) -> None:
        self.model = model
        explained = with_unfamiliarity(evidence.with_evidence(model), familiarity)
        self._explained = evidence.with_features(explained) if features else explained
        # Keras makes its compiled function in the first call, and may change its state in each.
        self._lock = Lock()

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        import keras

        with self._lock:
            outputs = self._explained.predict_on_batch(images)
        return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
