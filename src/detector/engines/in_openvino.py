"""OpenVINO as an engine: the fastest on processors of Intel and AMD."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from src import InputError
from src.detector.engines import OPENVINO, OUTPUTS

# Images in a request, where several requests run side by side: as many as keep the caches busy.
SHARE = 8
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


class OpenVINOEngine:
    """Runs an exported graph.

    Args:
        path: the graph, `.xml`; its weights lie beside it.
        precision: `float32`, `bfloat16` or `int8`; the graph of the last is another file.

    Raises:
        InputError: OpenVINO is not installed, or cannot read the file.
    """

    name = OPENVINO

    def __init__(self, path: Path, precision: str) -> None:
        self.precision = precision
        try:
            import openvino
        except ImportError as error:
            raise InputError(
                "the openvino engine needs one more package: "
                "pip install 'deepfake-detector[openvino]'"
            ) from error
        self._core = openvino.Core()
        try:
            self._graph = self._core.read_model(path)
        except RuntimeError as error:
            raise InputError(f"{path}: OpenVINO cannot read it ({error})") from error

    @cached_property
    def _single(self) -> Any:
        """One request on all cores: the shortest way for one image."""
        return self._compile("LATENCY").create_infer_request()

    @cached_property
    def _many(self) -> Any:
        """Several requests side by side: the most images a second."""
        import openvino

        return openvino.AsyncInferQueue(self._compile("THROUGHPUT"))

    def _compile(self, hint: str) -> Any:
        chosen = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": _HINTS[self.precision]}
        return self._core.compile_model(self._graph, "CPU", chosen)

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        images = np.asarray(images, np.float32)
        if len(images) == 1:
            self._single.infer({"image": images}, share_inputs=True)
            return _outputs(self._single)
        parts: dict[int, dict[str, np.ndarray]] = {}
        self._many.set_callback(lambda request, start: parts.update({start: _outputs(request)}))
        for start in range(0, len(images), SHARE):
            self._many.start_async({"image": images[start : start + SHARE]}, start)
        self._many.wait_all()
        return {
            name: np.concatenate([parts[start][name] for start in sorted(parts)])
            for name in OUTPUTS
        }


def _outputs(request: Any) -> dict[str, np.ndarray]:
    """Copy the results out of a request, which will be used again."""
    return {name: request.get_tensor(name).data.copy() for name in OUTPUTS}


def native_bfloat16() -> bool:
    """Tell whether this processor computes in bfloat16 itself."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
