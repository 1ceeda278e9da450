"""What runs the network: Keras, OpenVINO or ONNX Runtime, behind one small interface."""

from collections.abc import Collection
from typing import Protocol

import numpy as np

KERAS, OPENVINO, ONNXRUNTIME = "keras", "openvino", "onnxruntime"
ENGINES = (KERAS, OPENVINO, ONNXRUNTIME)
# Images that are scored at once where nobody says how many.
BATCH = 32
OUTPUTS = ("logit", "evidence", "bias")
# What only bundles with a measure of familiarity, and those with a temporal head, have.
OPTIONAL = UNFAMILIARITY, FEATURES = "unfamiliarity", "features"


def outputs_of(names: Collection[str]) -> tuple[str, ...]:
    """Return which outputs are taken from a graph that has those of some names."""
    return (*OUTPUTS, *(name for name in OPTIONAL if name in names))


class Engine(Protocol):
    """Runs one network in one precision.

    Attributes:
        name: of the runtime; of one that runs a bundle, out of `ENGINES`.
        precision: out of `exports.PRECISIONS`: what it computes in.
    """

    name: str
    precision: str

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces that have the network's size.

        Args:
            images: `(N, S, S, 3)` RGB in [0, 255], uint8 or float32.

        Returns:
            float32 by name: `logit (N,)`, `evidence (N, h, w)`, `bias (N,)` and, where the bundle
            has a measure of it, `unfamiliarity (N,)`; with a temporal head `features (N, C)`.
        """
