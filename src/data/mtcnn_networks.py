"""MTCNN's three small networks as ONNX, built from the weights that the `mtcnn` package carries.

The graphs take raw pixels: the scaling to [-1, 1] is folded into the first convolution. The
softmax over "no face" and "face" is the sigmoid of the difference of the two, and is folded in
the same way.
"""

from collections.abc import Iterator
from importlib import metadata

import numpy as np

from src import InputError

NAMES = ("pnet", "rnet", "onet")
SIDES = {"rnet": 24, "onet": 48}  # pixels; P-Net takes any size
INSTALL = "pip install mtcnn==1.0.0"
# Old enough for every runtime that is in use, the browser's included.
OPSET, IR_VERSION = 13, 8

# The layers before the heads: kernel of the max pooling after each convolution, 0 for none, and
# whether it pads at the right and lower border, as Zhang et al. 2016, figure 2.
_POOLING = {
    "pnet": ((2, True), (0, False), (0, False)),
    "rnet": ((3, True), (3, False), (0, False)),
    "onet": ((3, True), (3, False), (2, True), (0, False)),
}
# In the order in which the package has their weights.
_HEADS = {
    "pnet": ["offsets", "logit"],
    "rnet": ["offsets", "logit"],
    "onet": ["offsets", "landmarks", "logit"],
}
_OUTPUTS = {
    "pnet": "float[count, rows, columns] probability, float[count, rows, columns] logits, "
    "float[count, 4, rows, columns] offsets",
    "rnet": "float[count] probability, float[count] logits, float[count, 4] offsets",
}
_OUTPUTS["onet"] = f"{_OUTPUTS['rnet']}, float[count, 10] landmarks"


def build() -> dict[str, bytes]:
    """Build the three networks from the weights of the `mtcnn` package.

    Every graph takes `image`, (N, H, W, 3) uint8 RGB in [0, 255], and gives `probability` in
    [0, 1], `logits`, whose sigmoid that is, and `offsets`, the corrections of left, top, right and
    bottom in units of the window's side. P-Net gives (N, h, w) twice and (N, 4, h, w) for the
    windows of 12 pixels, 2 apart; R-Net (24 pixels) and O-Net (48 pixels) give (N,) twice and
    (N, 4), and O-Net also `landmarks`, (N, 10): five x, then five y, in units of the window's side.

    Returns:
        The serialised ONNX models by name: `pnet`, `rnet`, `onet`.

    Raises:
        InputError: The package is not installed, or is one that carries other weights.
    """
    return {name: _model(name, _weights(name)) for name in NAMES}


def _weights(name: str) -> list[np.ndarray]:
    """Read the weights of a network without importing the package, which needs TensorFlow."""
    try:
        import joblib

        package = metadata.distribution("mtcnn")
        path = package.locate_file(f"mtcnn/assets/weights/{name}.lz4")
        return joblib.load(str(path))
    except (ImportError, OSError, ValueError) as error:
        raise InputError(
            "finding faces needs the weights of the mtcnn package, or a bundle that carries the "
            f"networks made from them ({error}); install it by: {INSTALL}"
        ) from error


def _model(name: str, weights: list[np.ndarray]) -> bytes:
    from onnx import checker, helper, numpy_helper, parser

    side = SIDES.get(name)
    image = f"uint8[count, {side or 'height'}, {side or 'width'}, 3] image"
    nodes = "\n".join(_nodes(name))
    graph = parser.parse_graph(f"{name} ({image}) => ({_OUTPUTS[name]}) {{\n{nodes}\n}}")
    for node in graph.node:
        # An empty name stands for ONNX's own operators, as none does, and would change the file.
        node.ClearField("domain")
    for key, array in _constants(name, weights).items():
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), key))
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="deepfake-detector",
    )
    checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _nodes(name: str) -> Iterator[str]:
    """Yield the nodes of a network in ONNX's own notation."""
    yield "planes = Transpose <perm = [0, 3, 1, 2]> (image)"
    yield "pixels = Cast <to = 1> (planes)"
    last = "pixels"
    for number, (size, padded) in enumerate(_POOLING[name], start=1):
        yield f"conv{number} = Conv ({last}, conv{number}_kernel, conv{number}_bias)"
        yield from _prelu(f"conv{number}")
        last = f"conv{number}_active"
        if size:
            how = f'auto_pad = "{"SAME_UPPER" if padded else "VALID"}"'
            shape = f"kernel_shape = [{size}, {size}], strides = [2, 2]"
            yield f"{last}_pooled = MaxPool <{how}, {shape}> ({last})"
            last = f"{last}_pooled"
    kind = "Conv"
    if name in SIDES:
        # The dense weights count columns before rows before channels.
        yield f"columns_first = Transpose <perm = [0, 3, 2, 1]> ({last})"
        yield "flat = Flatten <axis = 1> (columns_first)"
        yield "dense = Gemm (flat, dense_kernel, dense_bias)"
        yield from _prelu("dense")
        kind, last = "Gemm", "dense_active"
    for head in _HEADS[name]:
        yield f"{head} = {kind} ({last}, {head}_kernel, {head}_bias)"
    yield "logits = Squeeze (logit, class_axis)"
    yield "probability = Sigmoid (logits)"


def _prelu(layer: str) -> Iterator[str]:
    """Yield x + (slope - 1) min(x, 0), which is PReLU.

    ONNX Runtime takes ten times as long for the operator of that name.
    """
    yield f"{layer}_negative = Min ({layer}, {layer}_zero)"
    yield f"{layer}_change = Mul ({layer}_negative, {layer}_slope)"
    yield f"{layer}_active = Add ({layer}, {layer}_change)"


def _constants(name: str, weights: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return what the nodes name, out of the weights of the package in their order."""
    arrays = (np.asarray(array, np.float64) for array in weights)
    layers = [f"conv{number}" for number in range(1, len(_POOLING[name]) + 1)]
    layers += ["dense"] if name in SIDES else []
    found = {}
    for layer in (*layers, *_HEADS[name]):
        kernel, bias = next(arrays), next(arrays)
        if layer == "conv1":
            # (x - 127.5) / 128, as the networks were trained.
            kernel, bias = kernel / 128, bias - kernel.sum((0, 1, 2)) * 127.5 / 128
        if layer == "logit":
            # The sigmoid of the difference is the softmax's second output.
            kernel, bias = kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]
        planes = kernel.ndim == 4
        found[f"{layer}_kernel"] = kernel.transpose(3, 2, 0, 1) if planes else kernel
        found[f"{layer}_bias"] = bias
        if layer in layers:
            slope = next(arrays)
            found[f"{layer}_zero"] = np.zeros(())
            found[f"{layer}_slope"] = (slope.reshape(-1, 1, 1) if planes else slope) - 1
    floats = {key: array.astype(np.float32) for key, array in found.items()}
    return floats | {"class_axis": np.array([1])}
