"""OpenVINO as an engine: the fastest on processors of Intel and AMD."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from src import InputError, processor
from src.detector.engines import OPENVINO, outputs_of

HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


class _Requests:
    """As many requests as run side by side; each takes one image.

    Args:
        compiled: the graph, compiled for this processor.
    """

    def __init__(self, compiled: Any) -> None:
        named = [name for output in compiled.outputs for name in output.get_names()]
        self._outputs = outputs_of(named)
        count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._pool = ThreadPoolExecutor(count, "openvino")
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(count):
            self._free.put(compiled.create_infer_request())

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score images, see `Engine.run`; several threads may do so at once."""
        results = list(self._pool.map(self._one, images))
        return {name: np.concatenate([one[name] for one in results]) for name in self._outputs}

    def _one(self, image: np.ndarray) -> dict[str, np.ndarray]:
        request = self._free.get()
        try:
            # Written straight into the network's input, which is float32, whatever the image is.
            request.infer({"image": image[None]})
            # Copied, because the request will be used again.
            return {name: request.get_tensor(name).data.copy() for name in self._outputs}
        finally:
            self._free.put(request)


class OpenVINOEngine:
    """Runs an exported graph. It may be used from several threads at once.

    Args:
        path: the graph, `.xml`; its weights lie beside it.
        precision: `float32`, `bfloat16` or `int8`; the graph of the last is another file.

    Raises:
        InputError: OpenVINO cannot read the file.
    """

    name = OPENVINO

    def __init__(self, path: Path, precision: str) -> None:
        self.precision = precision
        import openvino

        # The first look at a tensor's data fills a table inside OpenVINO. Where the first two looks
        # are taken by two threads, one waits for the table and the other for the interpreter's
        # lock, for ever; so the first is taken here, alone.
        _ = openvino.Tensor(np.zeros(1, np.float32)).data
        self._core = openvino.Core()
        try:
            self._graph = self._core.read_model(path)
        except RuntimeError as error:
            raise InputError(f"{path}: OpenVINO cannot read it ({error})") from error
        # One image a request: it stays in the caches, and kernels for a known shape are faster.
        self._graph.reshape([1, *list(self._graph.input().partial_shape)[1:]])

    @cached_property
    def _alone(self) -> _Requests:
        """One request on all cores: the shortest way for one image."""
        return self._compile("LATENCY")

    @cached_property
    def _many(self) -> _Requests:
        """Several requests side by side: the most images a second."""
        return self._compile("THROUGHPUT")

    def _compile(self, hint: str) -> _Requests:
        chosen = {
            "PERFORMANCE_HINT": hint,
            "INFERENCE_PRECISION_HINT": HINTS[self.precision],
            "INFERENCE_NUM_THREADS": processor.thread_limit(),
        }
        return _Requests(self._core.compile_model(self._graph, "CPU", chosen))

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        return (self._alone if len(images) == 1 else self._many).run(images)


def native_bfloat16() -> bool:
    """Tell whether this processor computes in bfloat16 itself."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
