"""What a bundle holds beside its Keras model: files for other runtimes, each checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from src import InputError

PRECISIONS = ("float32", "bfloat16", "float16", "int8")
# A difference of p_fake from Keras in float32 that is accepted: the largest one; for int8, where
# single images may differ more, the mean and the 99th percentile.
LARGEST = {"float32": 1e-4, "bfloat16": 0.01, "float16": 0.01}
INT8_MEAN, INT8_TAIL, INT8_AUC = 0.01, 0.05, 0.002
# A relative difference of the distance to the training faces that is accepted: the largest one; for
# int8, which has a threshold of its own, the 99th percentile. A detector of real faces had 1e-5 in
# float32, 0.005 in float16, 0.06 in bfloat16, 0.03 and 0.09 in int8; within a tenth of its
# threshold lie 2.4 % of the calibration faces.
UNFAMILIARITY = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02, "int8": 0.2}


@dataclass(frozen=True)
class Variant:
    """A kind of file that a bundle may hold for another runtime."""

    format: str  # out of `FORMATS`
    file: str  # the main file in the bundle
    files: tuple[str, ...]  # all of its files; a folder stands for everything in it
    precisions: tuple[str, ...]  # in which it is checked
    runner: str  # what runs it
    head: bool = False  # it holds the temporal head, and not the frame network


FORMATS = ("onnx", "openvino", "litert", "saved_model")
_IR = ("model.xml", "model.bin")
# By their key in the card's `exports`.
VARIANTS = {
    "onnx": Variant("onnx", "model.onnx", ("model.onnx",), ("float32",), "onnxruntime"),
    "onnx-float16": Variant(
        "onnx", "model-float16.onnx", ("model-float16.onnx",), ("float16",), "onnxruntime"
    ),
    "onnx-int8": Variant("onnx", "model-int8.onnx", ("model-int8.onnx",), ("int8",), "onnxruntime"),
    "openvino": Variant(
        "openvino",
        "openvino/model.xml",
        tuple(f"openvino/{name}" for name in _IR),
        ("float32", "bfloat16"),
        "openvino",
    ),
    "openvino-int8": Variant(
        "openvino",
        "openvino-int8/model.xml",
        tuple(f"openvino-int8/{name}" for name in _IR),
        ("int8",),
        "openvino",
    ),
    "litert": Variant("litert", "model.tflite", ("model.tflite",), ("float32",), "litert"),
    "saved_model": Variant(
        "saved_model", "saved_model", ("saved_model",), ("float32",), "tensorflow"
    ),
    "temporal-onnx": Variant(
        "onnx", "temporal.onnx", ("temporal.onnx",), ("float32",), "onnxruntime", head=True
    ),
    "temporal-openvino": Variant(
        "openvino",
        "temporal/model.xml",
        tuple(f"temporal/{name}" for name in _IR),
        ("float32",),
        "openvino",
        head=True,
    ),
}


@dataclass(frozen=True)
class Agreement:
    """How far an export is from Keras in float32, on the same images."""

    images: int  # how many
    largest: float  # difference of `p_fake`
    tail: float  # its 99th percentile
    mean: float  # its mean
    verdicts: int  # how many verdicts changed
    flips: int  # how many of them from real to fake or back, where there is something between
    # How many of them where `p_fake` was further from a threshold than the accepted difference.
    far: int
    evidence: float  # correlation of the evidence maps
    sum: float  # largest difference of evidence and bias, added up, from the logit
    auc_loss: float | None = None  # how much smaller the AUC is; None without labels
    # Largest relative difference of the distance to the training faces, see `agreement.relative`;
    # None where the bundle has no measure of it.
    unfamiliarity: float | None = None
    unfamiliarity_tail: float | None = None  # its 99th percentile
    # How many images are unfamiliar in one and not in the other, although they are further from the
    # threshold than the accepted difference.
    unfamiliar: int = 0
    # Largest difference of `p_fake` of clips of the same images, by the temporal head in Keras;
    # None where the bundle has none.
    clips: float | None = None

    def fault(self, precision: str) -> str | None:
        """Say what is over the limits of a precision, or None."""
        found = []
        if precision == "int8":
            found += _over("mean difference of p_fake", self.mean, INT8_MEAN)
            found += _over("99th percentile of the difference of p_fake", self.tail, INT8_TAIL)
            found += _over("loss of AUC", self.auc_loss or 0.0, INT8_AUC)
        else:
            found += _over("largest difference of p_fake", self.largest, LARGEST[precision])
            # In int8 the head is not used: nothing calibrates it there.
            found += _over("that of clips", self.clips or 0.0, LARGEST[precision])
        found += self._unfamiliarity_fault(precision)
        if self.far:
            found.append(f"{self.far} verdicts changed away from the thresholds")
        if self.flips:
            found.append(f"{self.flips} verdicts changed between real and fake")
        return "; ".join(found) or None

    def _unfamiliarity_fault(self, precision: str) -> list[str]:
        found, limit = [], UNFAMILIARITY[precision]
        if self.unfamiliarity is not None and self.unfamiliarity_tail is not None:
            tail = precision == "int8"
            what = "99th percentile of the" if tail else "largest"
            value = self.unfamiliarity_tail if tail else self.unfamiliarity
            found += _over(f"{what} relative difference of the unfamiliarity", value, limit)
        if self.unfamiliar:
            found.append(f"{self.unfamiliar} images became familiar, or no longer are")
        return found


@dataclass(frozen=True)
class ClipAgreement:
    """How far an exported temporal head is from Keras, on the same features."""

    clips: int  # how many
    largest: float  # difference of `p_fake`
    mean: float  # its mean

    def fault(self, precision: str) -> str | None:
        """Say what is over the limits of a precision, or None."""
        found = _over("largest difference of p_fake", self.largest, LARGEST[precision])
        return "; ".join(found) or None


def _over(what: str, value: float, limit: float) -> list[str]:
    return [f"{what} is {value:.2g}, at most {limit:g} is accepted"] if not value <= limit else []


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
    calibration: dict[str, Any] | None = field(default=None)
    familiarity: str | None = None  # SHA-256 of the measure of familiarity inside; None without one

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain types for the card."""
        return asdict(self)

    @classmethod
    def of(cls, exports: Mapping[str, Any], name: str) -> Export | None:
        """Return an export out of a card's `exports`, or None where it is not there."""
        return cls(**exports[name]) if name in exports else None

    def require_whole(self, folder: Path) -> None:
        """Compare the files of a bundle with their hashes.

        Raises:
            InputError: one is missing or another one.
        """
        for name, digest in self.files.items():
            path = folder / name
            if not path.is_file() or sha256(path) != digest:
                state = "is missing" if not path.is_file() else "is not the file that was checked"
                raise InputError(
                    f"{path} {state}: make it again with `deepfake export --model {folder} "
                    "--overwrite`"
                )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
