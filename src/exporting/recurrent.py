"""The temporal head as a file that other runtimes read.

ONNX has one operation for a bidirectional LSTM, so its graph is written here by hand and OpenVINO
converts it: what Keras' exporters make of the same layers is a loop that OpenVINO cannot read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from src.detector import network, temporal
from src.detector.calibration import probability
from src.detector.detector import Detector
from src.detector.engines import FEATURES
from src.detector.exports import VARIANTS
from src.exporting.agreement import ClipAgreement

OPSET = 17
CLIPS = 64


def write(detector: Detector, name: str, folder: Path) -> None:
    """Write a head into a folder, float32.

    Args:
        name: key of `VARIANTS`, one with a head.
        folder: of the files; that for ONNX is written in any case.
    """
    import onnx

    source = folder / VARIANTS["temporal-onnx"].file
    assert detector.head is not None, "a detector with a head"
    onnx.save(_graph(detector.head.model), source)
    if VARIANTS[name].format == "openvino":
        import openvino

        target = folder / VARIANTS[name].file
        target.parent.mkdir(parents=True, exist_ok=True)
        openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=False)


def _graph(model: Any) -> Any:
    """Return the ONNX graph from `features (N, T, C)` to `logit (N, 1)`."""
    from onnx import TensorProto, checker, helper, numpy_helper

    _, frames, width = model.input_shape
    units = model.get_layer(temporal.LAYERS[0]).forward_layer.units
    constants: dict[str, np.ndarray] = {"flat": np.array([0, -1])}
    # ONNX's LSTM takes (T, N, C) and gives (T, direction, N, U); its last state (direction, N, U).
    nodes = [helper.make_node("Transpose", [FEATURES], ["x"], perm=[1, 0, 2])]
    x = "x"
    for layer in temporal.LAYERS:
        both = model.get_layer(layer)
        weights = [_onnx_order(one) for one in (both.forward_layer, both.backward_layer)]
        inputs = [f"{layer}_{part}" for part in "WRB"]
        constants |= dict(zip(inputs, map(np.stack, zip(*weights, strict=True)), strict=True))
        outputs = [f"{layer}_all", f"{layer}_last"]
        options = {"direction": "bidirectional", "hidden_size": units}
        nodes.append(helper.make_node("LSTM", [x, *inputs], outputs, layer, **options))
        if layer == temporal.LAYERS[0]:
            apart, x = f"{layer}_apart", f"{layer}_joined"
            constants["joined"] = np.array([frames, -1, 2 * units])
            nodes.append(helper.make_node("Transpose", outputs[:1], [apart], perm=[0, 2, 1, 3]))
            nodes.append(helper.make_node("Reshape", [apart, "joined"], [x]))
        else:
            nodes.append(helper.make_node("Transpose", outputs[1:], ["ends"], perm=[1, 0, 2]))
            nodes.append(helper.make_node("Reshape", ["ends", "flat"], ["clip"]))
    constants["kernel"], constants["bias"] = model.get_layer(network.LOGIT).get_weights()
    nodes.append(helper.make_node("Gemm", ["clip", "kernel", "bias"], [network.LOGIT]))
    graph = helper.make_graph(
        nodes,
        "temporal",
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", frames, width])],
        [helper.make_tensor_value_info(network.LOGIT, TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(made, full_check=True)
    return made


def _onnx_order(layer: Any) -> list[np.ndarray]:
    """Return kernel, recurrent kernel and both biases of an LSTM as ONNX has them.

    Keras stands the gates input, forget, cell, output side by side; ONNX stands input, output,
    forget, cell below each other.
    """

    def moved(weight: np.ndarray) -> np.ndarray:
        gates = np.split(weight, 4, axis=-1)
        return np.concatenate([gates[gate] for gate in (0, 3, 1, 2)], axis=-1).T

    kernel, recurrent, bias = map(moved, layer.get_weights())
    return [kernel, recurrent, np.concatenate([bias, np.zeros_like(bias)])]


def clips(features: np.ndarray, frames: int) -> np.ndarray:
    """Put clips together out of the features of images, `(CLIPS, frames, C)` float32.

    Args:
        features: `(N, C)`; the same images give the same clips, whatever computed them.
    """
    rng = np.random.default_rng(0)
    return features[rng.integers(0, len(features), (CLIPS, frames))]


def check(
    detector: Detector, name: str, folder: Path, outputs: Mapping[str, np.ndarray]
) -> ClipAgreement:
    """Hold an exported head against Keras.

    Args:
        name: key of `VARIANTS`, one with a head.
        folder: of its files.
        outputs: of the frame network in Keras, with `features (N, C)`.
    """
    assert detector.head is not None, "a detector with a head"
    variant, some = VARIANTS[name], clips(outputs[FEATURES], detector.head.frames)
    got = temporal.LOADERS[variant.runner](folder / variant.file)(some)
    apart = _apart(detector, detector.head.run(some), got)
    return ClipAgreement(len(some), float(apart.max()), float(apart.mean()))


def carried(
    detector: Detector, wanted: Mapping[str, np.ndarray], got: Mapping[str, np.ndarray]
) -> float | None:
    """Tell what becomes of an export's deviation in the head.

    Args:
        wanted: of Keras and `got` of the export, with `features (N, C)` of the same images.

    Returns:
        The largest difference of `p_fake` of clips; None where the detector has no head.
    """
    if detector.head is None:
        return None
    before, after = (
        detector.head.run(clips(one[FEATURES], detector.head.frames)) for one in (wanted, got)
    )
    return float(_apart(detector, before, after).max())


def _apart(detector: Detector, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    temperature = detector.tracks.temperature if detector.tracks else 1.0
    return np.abs(probability(before, temperature) - probability(after, temperature))
