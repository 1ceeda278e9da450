"""ONNX Runtime as an engine: present wherever faces are found, since it finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src import InputError, processor
from src.detector.engines import ONNXRUNTIME, outputs_of


class ONNXRuntimeEngine:
    """Runs an exported graph on the processor.

    Args:
        path: the graph, `.onnx`.
        precision: what its weights are: `float32`, `float16` or `int8`.

    Raises:
        InputError: it is no ONNX model.
    """

    name = ONNXRUNTIME

    def __init__(self, path: Path, precision: str) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as failures

        self.precision = precision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = processor.thread_limit()
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except (
            failures.InvalidProtobuf,
            failures.InvalidGraph,
            failures.Fail,
            failures.NoSuchFile,
            failures.NotImplemented,
        ) as error:
            raise InputError(f"{path}: ONNX Runtime cannot run it ({error})") from error
        self._outputs = outputs_of([output.name for output in self._session.get_outputs()])

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        images = np.asarray(images, np.float32)
        values = self._session.run(list(self._outputs), {"image": images})
        return dict(zip(self._outputs, values, strict=True))
