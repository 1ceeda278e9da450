"""Runtimes as engines, see `Engine`: what runs a bundle, or checks what is exported for others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from src import InputError, install, processor
from src.data.onnx_session import open_session
from src.detector import evidence
from src.detector.engines import KERAS, ONNXRUNTIME, OPENVINO, Engine, outputs_of
from src.detector.exports import Variant
from src.detector.familiarity import Familiarity

if TYPE_CHECKING:
    import keras
    import onnxruntime

# What OpenVINO calls the precision to compute in.
HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


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
        self._explained = evidence.with_evidence(model, familiarity, features)
        # Keras makes its compiled function in the first call, and may change its state in each.
        self._lock = Lock()

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        import keras

        with self._lock:
            outputs = self._explained.predict_on_batch(images)
        return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


class ONNXRuntimeEngine:
    """Runs an exported graph on the processor. It may be used from several threads at once.

    Args:
        path: the graph, `.onnx`.
        precision: what its weights are: `float32`, `float16` or `int8`.
    """

    name = ONNXRUNTIME

    def __init__(self, path: Path, precision: str) -> None:
        self.precision = precision
        self._path = path
        self._session = open_session(path, str(path), processor.thread_limit())
        self._outputs = outputs_of([output.name for output in self._session.get_outputs()])
        self._lock = Lock()

    @cached_property
    def _side_by_side(self) -> tuple[onnxruntime.InferenceSession, ThreadPoolExecutor]:
        session = self._session
        if processor.thread_limit() != 1:
            session = open_session(self._path, str(self._path), threads=1)
        return session, ThreadPoolExecutor(processor.threads(), "onnxruntime")

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        # All cores on one image are the shortest way for one; an image on each core gives the most
        # images a second, and what was asked first is done first.
        if len(images) < 2:
            return self._run(self._session, images)
        with self._lock:
            session, pool = self._side_by_side
        results = list(pool.map(lambda image: self._run(session, image[None]), images))
        return {name: np.concatenate([one[name] for one in results]) for name in self._outputs}

    def _run(
        self, session: onnxruntime.InferenceSession, images: np.ndarray
    ) -> dict[str, np.ndarray]:
        values = session.run(list(self._outputs), {"image": np.asarray(images, np.float32)})
        return dict(zip(self._outputs, values, strict=True))


class _Requests:
    """As many requests as run side by side; each takes one image."""

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
        self._graph = read_graph(self._core, path)
        # One image a request: it stays in the caches, and kernels for a known shape are faster.
        self._graph.reshape([1, *list(self._graph.input().partial_shape)[1:]])
        self._compiled: dict[str, _Requests] = {}
        self._lock = Lock()

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces, see `Engine.run`."""
        # One request on all cores is the shortest way for one image; several requests side by side
        # give the most images a second.
        return self._requests("LATENCY" if len(images) == 1 else "THROUGHPUT").run(images)

    def _requests(self, hint: str) -> _Requests:
        # The first batches come from several threads at once, and one of them compiles.
        with self._lock:
            if hint not in self._compiled:
                chosen = {
                    "PERFORMANCE_HINT": hint,
                    "INFERENCE_PRECISION_HINT": HINTS[self.precision],
                    "INFERENCE_NUM_THREADS": processor.thread_limit(),
                }
                model = self._core.compile_model(self._graph, "CPU", chosen)
                self._compiled[hint] = _Requests(model)
            return self._compiled[hint]


def read_graph(core: Any, path: Path) -> Any:
    """Read a graph by an `openvino.Core`.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return core.read_model(path)
    except RuntimeError as error:
        # In the lines before the last, places in OpenVINO's own sources.
        reason = str(error).strip().rpartition("\n")[2]
        raise InputError(f"{path}: OpenVINO cannot read it: {reason}") from error


class LiteRT:
    """Runs a `.tflite` file."""

    name = "litert"

    def __init__(self, path: Path, precision: str) -> None:
        self.precision = precision
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise InputError(f"LiteRT needs one more package: {install('export')}") from error
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


_MAKERS: dict[str, Callable[[Path, str], Engine]] = {
    ONNXRUNTIME: ONNXRuntimeEngine,
    OPENVINO: OpenVINOEngine,
    "litert": LiteRT,
    "tensorflow": SavedModel,
}


def make(variant: Variant, folder: Path, precision: str) -> Engine:
    """Load an export into its runtime.

    Raises:
        InputError: the runtime is not installed, or cannot read the file.
    """
    return _MAKERS[variant.runner](folder / variant.file, precision)


def native_bfloat16() -> bool:
    """Tell whether this processor computes in bfloat16 itself."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
