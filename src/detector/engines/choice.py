"""Which engine runs a bundle: the fastest that is installed, exported and checked."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from src import InputError
from src.detector.card import Card
from src.detector.engines import ENGINES, KERAS, ONNXRUNTIME, OPENVINO, Engine, reference
from src.detector.engines.runtimes import make, native_bfloat16
from src.detector.exports import PRECISIONS, VARIANTS, Export

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
    if engine not in CHOICES:
        raise InputError(f"engine: expected one of {', '.join(CHOICES)}, got {engine!r}")
    if precision not in (None, *PRECISIONS):
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    if engine == KERAS:
        if precision not in (None, "float32"):
            raise InputError(
                f"engine keras computes in float32, not in {precision}: give no precision, or "
                f"engine {OPENVINO} or {ONNXRUNTIME}"
            )
        return None
    for name, computed in ORDER:
        variant = VARIANTS[name]
        wanted = computed != "int8" if precision is None else computed == precision
        if not wanted or engine not in (AUTO, variant.runner):
            continue
        export = Export.of(card.exports, name)
        if export is None or computed not in export.allowed:
            continue
        if export.familiarity != card.familiarity_sha256 or find_spec(variant.runner) is None:
            continue
        if computed == "bfloat16" and not native_bfloat16():
            continue
        export.require_whole(folder)
        made = make(variant, folder, computed)
        if reference.trusts(folder, card, made, export):
            return Chosen(made, export.calibration)
    if engine == AUTO and precision in (None, "float32"):
        return None
    raise InputError(_missing(folder, card, engine, precision))


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
