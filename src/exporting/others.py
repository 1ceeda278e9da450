"""Runtimes in which an export is checked, though nothing here judges by them."""

from pathlib import Path

import numpy as np

from src import InputError
from src.detector.engines import outputs_of


class LiteRT:
    """Runs a `.tflite` file."""

    name = "litert"

    def __init__(self, path: Path, precision: str) -> None:
        self.precision = precision
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise InputError(
                "LiteRT needs one more package: pip install 'deepfake-detector[export]'"
            ) from error
        self._runner = Interpreter(str(path)).get_signature_runner()

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        outputs = self._runner(image=np.asarray(images, np.float32))
        return {name: outputs[name] for name in outputs_of(outputs)}


class SavedModel:
    """Runs a TensorFlow SavedModel."""

    name = "saved_model"

    def __init__(self, path: Path, precision: str) -> None:
        import tensorflow

        self.precision = precision
        self._model = tensorflow.saved_model.load(str(path))

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        outputs = self._model.serve(np.asarray(images, np.float32))
        return {name: outputs[name].numpy() for name in outputs_of(outputs)}
