"""MTCNN's three small networks as ONNX, built from the weights that the `mtcnn` package carries.

The graphs take raw pixels: the scaling to [-1, 1] is folded into the first convolution. The
softmax over "no face" and "face" is the sigmoid of the difference of the two, and is folded in
the same way.
"""

from importlib import metadata
from typing import Any

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
    from onnx import TensorProto, checker, helper

    graph = _Graph(weights)
    graph.add("Transpose", ["image"], "planes", perm=[0, 3, 1, 2])
    last = graph.add("Cast", ["planes"], "pixels", to=TensorProto.FLOAT)
    for number, (pooling, padded) in enumerate(_POOLING[name]):
        last = graph.convolution(last, number)
        if pooling:
            last = graph.pooling(last, pooling, padded)
    outputs = graph.dense_heads(last, name) if name in SIDES else graph.convolution_heads(last)
    side = SIDES.get(name)
    image = helper.make_tensor_value_info(
        "image", TensorProto.UINT8, ["count", side or "height", side or "width", 3]
    )
    values = [helper.make_tensor_value_info(o, TensorProto.FLOAT, s) for o, s in outputs.items()]
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, [image], values, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="deepfake-detector",
    )
    checker.check_model(model, full_check=True)
    return model.SerializeToString()


class _Graph:
    """The nodes of one network, added in order while its weights are used up."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.weights = [np.asarray(array, np.float64) for array in weights]
        self.nodes: list = []
        self.constants: list = []

    def take(self, count: int) -> list[np.ndarray]:
        taken, self.weights = self.weights[:count], self.weights[count:]
        return taken

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, array: np.ndarray) -> str:
        from onnx import numpy_helper

        array = np.ascontiguousarray(array, array.dtype if array.dtype == np.int64 else np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def convolution(self, last: str, number: int) -> str:
        """Add a convolution without padding and its PReLU."""
        kernel, bias, slope = self.take(3)
        if number == 0:
            # (x - 127.5) / 128, as the networks were trained.
            kernel, bias = kernel / 128, bias - kernel.sum((0, 1, 2)) * 127.5 / 128
        name = f"conv{number + 1}"
        names = [self.constant(f"{name}_kernel", kernel.transpose(3, 2, 0, 1))]
        names.append(self.constant(f"{name}_bias", bias))
        self.add("Conv", [last, *names], name)
        return self.prelu(name, slope.reshape(-1, 1, 1))

    def prelu(self, last: str, slope: np.ndarray) -> str:
        """Add x + (slope - 1) min(x, 0), which is PReLU.

        ONNX Runtime takes ten times as long for the operator of that name.
        """
        zero = self.constant(f"{last}_zero", np.zeros(()))
        self.add("Min", [last, zero], f"{last}_negative")
        less = self.constant(f"{last}_slope", slope - 1)
        self.add("Mul", [f"{last}_negative", less], f"{last}_change")
        return self.add("Add", [last, f"{last}_change"], f"{last}_active")

    def pooling(self, last: str, kernel: int, padded: bool) -> str:
        return self.add(
            "MaxPool", [last], f"{last}_pooled", kernel_shape=[kernel] * 2, strides=[2, 2],
            auto_pad="SAME_UPPER" if padded else "VALID",
        )  # fmt: skip

    def convolution_heads(self, last: str) -> dict[str, list]:
        """Add P-Net's two heads."""
        offsets, offsets_bias, classes, classes_bias = self.take(4)
        kernel = self.constant("offsets_kernel", offsets.transpose(3, 2, 0, 1))
        self.add("Conv", [last, kernel, self.constant("offsets_bias", offsets_bias)], "offsets")
        logit, logit_bias = _face_against_none(classes, classes_bias)
        kernel = self.constant("logit_kernel", logit.transpose(3, 2, 0, 1))
        self.add("Conv", [last, kernel, self.constant("logit_bias", logit_bias)], "logit")
        self.probability(axis=1)
        return {
            "probability": ["count", "rows", "columns"],
            "logits": ["count", "rows", "columns"],
            "offsets": ["count", 4, "rows", "columns"],
        }

    def dense_heads(self, last: str, name: str) -> dict[str, list]:
        """Add the dense layer of R-Net or O-Net and its heads."""
        # The dense weights count columns before rows before channels.
        self.add("Transpose", [last], "columns_first", perm=[0, 3, 2, 1])
        self.add("Flatten", ["columns_first"], "flat", axis=1)
        kernel, bias, slope = self.take(3)
        self.dense("flat", "dense", kernel, bias)
        last = self.prelu("dense", slope)
        outputs: dict[str, list] = {"probability": ["count"], "logits": ["count"]}
        outputs["offsets"] = ["count", 4]
        self.dense(last, "offsets", *self.take(2))
        if name == "onet":
            self.dense(last, "landmarks", *self.take(2))
            outputs["landmarks"] = ["count", 10]
        self.dense(last, "logit", *_face_against_none(*self.take(2)))
        self.probability(axis=1)
        return outputs

    def dense(self, last: str, name: str, kernel: np.ndarray, bias: np.ndarray) -> None:
        names = [self.constant(f"{name}_kernel", kernel), self.constant(f"{name}_bias", bias)]
        self.add("Gemm", [last, *names], name)

    def probability(self, axis: int) -> None:
        axes = self.constant("class_axis", np.array([axis]))
        self.add("Squeeze", ["logit", axes], "logits")
        self.add("Sigmoid", ["logits"], "probability")


def _face_against_none(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the layer whose sigmoid is the softmax's second output."""
    return kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]
