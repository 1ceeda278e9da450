"""An exported network in int8: a quarter of the size, with head and evidence left in float.

Both runtimes quantise after training, weights by channel and activations by the range that they
have on real images (Jacob et al. 2018, arXiv 1712.05877). What stays float is decided here once.
"""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# The first layers that together hold so large a share of the backbone's weights stay float. In
# Xception that is blocks 1 to 3, and they cost most: in one trained on real faces (96 px, ONNX
# Runtime) p_fake differs by 0.0105 on average with every block in int8, and by 0.004 with these
# three in float, for 0.5 MB more. With any other block in float instead it differs by 0.0102 or
# more, with the depthwise layers by 0.011.
FIRST = 0.01
# What ONNX Runtime computes in int8. Sums stay float: they are cheap, and add up two scales.
_ONNX_OPERATIONS = ["Conv", "Relu"]
_BATCH = 16


def in_onnx(source: Path, target: Path, images: np.ndarray) -> None:
    """Quantise an ONNX graph by ONNX Runtime.

    Args:
        images: `(N, S, S, 3)` uint8 RGB to learn the ranges by.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        starts = iter(range(0, len(images), _BATCH))

        def get_next(self) -> dict[str, np.ndarray] | None:
            if (start := next(self.starts, None)) is None:
                return None
            return {"image": images[start : start + _BATCH].astype(np.float32)}

    with tempfile.TemporaryDirectory(prefix="quantise-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Symbolic shapes serve transformers, and need one more package.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        graph = onnx.load(prepared).graph
        sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer}
        weights = [sizes[node.input[1]] if node.op_type == "Conv" else 0 for node in graph.node]
        inner = _inner([node.op_type for node in graph.node], weights, "GlobalAveragePool")
        quantization.quantize_static(
            prepared,
            target,
            Reader(),
            op_types_to_quantize=_ONNX_OPERATIONS,
            nodes_to_quantize=[node.name for node in graph.node[inner]],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )


def in_openvino(source: Path, target: Path, images: np.ndarray) -> None:
    """Quantise an OpenVINO graph by NNCF, which must be installed.

    Args:
        images: `(N, S, S, 3)` uint8 RGB to learn the ranges by.
    """
    # NNCF reports its use to its makers, but not from a continuous integration.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf
    import openvino
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    # Not by its own function, which would silence the handlers of everybody else too.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    model = openvino.Core().read_model(source)
    operations = model.get_ordered_ops()
    kinds = [operation.get_type_name() for operation in operations]
    weights = [
        int(np.prod(operation.input(1).get_shape())) if kind.endswith("Convolution") else 0
        for operation, kind in zip(operations, kinds, strict=True)
    ]
    inner = _inner(kinds, weights, "ReduceMean")
    outer = operations[: inner.start] + operations[inner.stop :]
    outer += _beside_convolutions(operations)
    # Its bars are progress, and results alone belong on stdout.
    with contextlib.redirect_stdout(sys.stderr):
        quantised = nncf.quantize(
            model,
            nncf.Dataset(images, lambda image: {"image": image[None].astype(np.float32)}),
            subset_size=len(images),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope([one.get_friendly_name() for one in outer]),
            # The default takes the mean of the images' ranges and cuts off the rest: p_fake then
            # differs by 0.026 on average, against 0.0105 with the whole range.
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
            ),
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(quantised, target, compress_to_fp16=False)


def _beside_convolutions(operations: Sequence[Any]) -> list[Any]:
    """Return the operations that follow no convolution, and where those join the ones that do.

    So looks the branch of a table of residuals, which counts in whole numbers; its scale is not
    that of the map that it joins.
    """
    after: set[str] = set()
    for one in operations:
        above = {value.get_node().get_friendly_name() for value in one.input_values()}
        if one.get_type_name().endswith("Convolution") or above & after:
            after.add(one.get_friendly_name())
    return [
        one
        for one in operations
        if one.get_friendly_name() not in after or one.get_type_name() == "Concat"
    ]


def _inner(kinds: Sequence[str], weights: Sequence[int], pooling: str) -> slice:
    """Return which operations are quantised: those between the first layers and the head.

    Args:
        kinds: of all operations, each after those that it takes from.
        weights: how many each convolution has, 0 for other operations.
        pooling: the kind of the global average, behind which lie the head and the evidence; only
            the last of that kind, since a backbone may average channels too.
    """
    held = np.cumsum(weights) / sum(weights)
    start = int(np.searchsorted(held, FIRST, "right"))
    return slice(start, len(kinds) - 1 - list(kinds)[::-1].index(pooling))
