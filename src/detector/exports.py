"""What a bundle holds beside its Keras model: files for other runtimes, each checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from src.detector.card import part
from src.files import require_whole

PRECISIONS = ("float32", "bfloat16", "float16", "int8")
# Differences from Keras in float32 that are accepted, by the fields of `exporting.agreement`. In
# int8 single images may differ more, and it has a threshold of unfamiliarity of its own; the
# temporal head is not used there, since nothing calibrates it. A detector of real faces differed in
# unfamiliarity by 1e-5 in float32, 0.005 in float16, 0.06 in bfloat16, 0.03 and 0.09 in int8;
# within a tenth of its threshold lie 2.4 % of the calibration faces.
LIMITS = {
    "float32": {"largest": 1e-4, "clips": 1e-4, "unfamiliarity": 1e-3},
    "bfloat16": {"largest": 0.01, "clips": 0.01, "unfamiliarity": 0.1},
    "float16": {"largest": 0.01, "clips": 0.01, "unfamiliarity": 0.02},
    "int8": {"mean": 0.01, "tail": 0.05, "auc_loss": 0.002, "unfamiliarity_tail": 0.2},
}
RUNNERS = {
    "onnx": "onnxruntime",
    "openvino": "openvino",
    "litert": "litert",
    "saved_model": "tensorflow",
}
FORMATS = tuple(RUNNERS)


@dataclass(frozen=True)
class Variant:
    """A kind of file that a bundle may hold for another runtime."""

    format: str  # out of `FORMATS`
    file: str  # the main file in the bundle, or a folder
    precisions: tuple[str, ...] = ("float32",)  # in which it is checked
    head: bool = False  # it holds the temporal head, and not the frame network

    @property
    def runner(self) -> str:
        """What runs it."""
        return RUNNERS[self.format]

    def files(self, folder: Path) -> list[Path]:
        """List its files in a folder, also those in its own folders."""
        path = folder / self.file
        if self.format == "openvino":
            return [path, path.with_suffix(".bin")]
        return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


# By their key in the card's `exports`.
VARIANTS = {
    "onnx": Variant("onnx", "model.onnx"),
    "onnx-float16": Variant("onnx", "model-float16.onnx", ("float16",)),
    "onnx-int8": Variant("onnx", "model-int8.onnx", ("int8",)),
    "openvino": Variant("openvino", "openvino/model.xml", ("float32", "bfloat16")),
    "openvino-int8": Variant("openvino", "openvino-int8/model.xml", ("int8",)),
    "litert": Variant("litert", "model.tflite"),
    "saved_model": Variant("saved_model", "saved_model"),
    "temporal-onnx": Variant("onnx", "temporal.onnx", head=True),
    "temporal-openvino": Variant("openvino", "temporal/model.xml", head=True),
}


@dataclass(frozen=True)
class Export:
    """One kind of file in a bundle."""

    files: dict[str, str]  # SHA-256 by path in the bundle
    bytes: int  # their size together
    temperature: float  # that its `p_fake` has
    allowed: list[str]  # precisions out of `PRECISIONS` that were checked and may run
    checks: dict[str, dict[str, Any]]  # an agreement a precision that was tried, as plain types
    processor: str  # on which they were checked
    images: str  # on which images
    # Its own temperature and thresholds, for int8; None takes the card's.
    calibration: dict[str, Any] | None = None
    familiarity: str | None = None  # SHA-256 of the measure of familiarity inside; None without one

    @classmethod
    def of(cls, exports: Mapping[str, Any], name: str) -> Self | None:
        """Return an export out of a card's `exports`, or None where it is not there."""
        with part(f"the export {name}"):
            return cls(**exports[name]) if name in exports else None

    def require_whole(self, folder: Path) -> None:
        """Compare the files of a bundle with their hashes, see `require_whole`."""
        advice = f"make it again with `deepfake export --model {folder} --overwrite`"
        require_whole(folder, self.files, advice, which="that was checked")
