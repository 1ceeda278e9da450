"""Which engine runs a bundle: the fastest that is installed, exported and checked."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from src import InputError
from src.detector.card import Card
from src.detector.engines import ENGINES, KERAS, ONNXRUNTIME, OPENVINO, Engine, reference
from src.detector.exports import PRECISIONS, VARIANTS, Export, Variant

AUTO = "auto"
CHOICES = (AUTO, *ENGINES)


# Exports and precisions, the fastest first; int8 is never taken unasked.
ORDER = (
    ("openvino", "bfloat16"),
    ("openvino", "float32"),
    ("onnx", "float32"),
    ("onnx-float16", "float16"),
    ("openvino-int8", "int8"),
    ("onnx-int8", "int8"),
)


@dataclass(frozen=True)
class Chosen:
    """An engine, and the calibration that goes with its scores; None for the card's."""

    engine: Engine
    calibration: dict[str, Any] | None = None


def choose(
    folder: Path, card: Card, engine: str = AUTO, precision: str | None = None
) -> Chosen | None:
    """Choose what runs a bundle.

    Args:
        engine: one of `CHOICES`.
        precision: one of `exports.PRECISIONS`; None takes the fastest, but never int8.

    Returns:
        None for Keras, which the caller loads.

    Raises:
        InputError: what was asked for by name is not there, not installed or was not accepted; or
            a file of the bundle is damaged.
    """
    _require_known(engine, precision)
    if engine == KERAS and precision in (None, "float32"):
        return None
    for name, computed in ORDER:
        variant = VARIANTS[name]
        if engine not in (AUTO, variant.runner) or not _wanted(computed, precision):
            continue
        export = Export.of(card.exports, name)
        if export is None or computed not in export.allowed:
            continue
        if export.familiarity != card.familiarity_sha256:
            continue
        if not _present(variant.runner, computed):
            continue
        export.require_whole(folder)
        made = make(variant, folder, computed)
        if reference.trusts(folder, card, made, export):
            return Chosen(made, export.calibration)
    if engine == AUTO and precision in (None, "float32"):
        return None
    raise InputError(_missing(folder, card, engine, precision))


def _require_known(engine: str, precision: str | None) -> None:
    if engine not in CHOICES:
        raise InputError(f"engine: expected one of {', '.join(CHOICES)}, got {engine!r}")
    if precision is not None and precision not in PRECISIONS:
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")


def _wanted(computed: str, precision: str | None) -> bool:
    return computed != "int8" if precision is None else computed == precision


def _present(runner: str, precision: str) -> bool:
    """Tell whether an engine is installed, and computes in a precision itself."""
    if find_spec(runner) is None:
        return False
    if precision == "bfloat16":
        from src.detector.engines.in_openvino import native_bfloat16

        return native_bfloat16()
    return True


def make(variant: Variant, folder: Path, precision: str) -> Engine:
    """Load an export into its engine."""
    from src.detector.engines.in_onnxruntime import ONNXRuntimeEngine
    from src.detector.engines.in_openvino import OpenVINOEngine

    makers: dict[str, Callable[[Path, str], Engine]] = {
        OPENVINO: OpenVINOEngine,
        ONNXRUNTIME: ONNXRuntimeEngine,
    }
    return makers[variant.runner](folder / variant.file, precision)


def _missing(folder: Path, card: Card, engine: str, precision: str | None) -> str:
    wanted = " in ".join(filter(None, ["" if engine == AUTO else engine, precision]))
    if engine in (OPENVINO, ONNXRUNTIME) and find_spec(engine) is None:
        return f"the {engine} engine is not installed: pip install {engine}"
    there = [
        f"{name} ({', '.join(export['allowed']) or 'no precision'})"
        for name, export in card.exports.items()
    ]
    return (
        f"{folder} cannot be run by {wanted}: it was not exported for that, or was not accepted "
        f"there or on this processor. The bundle holds {', '.join(there) or 'no exports'}. Make "
        f"them with `deepfake export --model {folder}`"
    )
