"""Graphs in ONNX format, on the processor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from src import InputError

if TYPE_CHECKING:
    import onnxruntime


def open_session(source: Path | bytes, name: str, threads: int) -> onnxruntime.InferenceSession:
    """Load a graph into ONNX Runtime.

    Args:
        source: its file, or the content of one.
        name: what it goes by in messages.
        threads: that one call computes on; 0 lets ONNX Runtime decide.

    Raises:
        InputError: it is missing, or ONNX Runtime cannot run it.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    graph = source if isinstance(source, bytes) else str(source)
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except (
        failures.InvalidProtobuf,
        failures.InvalidGraph,
        failures.Fail,
        failures.NoSuchFile,
        failures.NotImplemented,
    ) as error:
        raise InputError(f"{name}: ONNX Runtime cannot run it ({error})") from error
