"""Exports on trial: written into a scratch folder, run in each precision, held against Keras."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from src import InputError, processor
from src.data.folders import Sample
from src.detector.detector import Detector
from src.detector.engines import runtimes
from src.detector.exports import VARIANTS, Export
from src.exporting import agreement, graphs, quantise, recurrent, sample
from src.exporting.agreement import Agreement, ClipAgreement
from src.exporting.sample import Images
from src.files import sha256


@dataclass(frozen=True)
class Trial:
    """Writes exports, and finds out in which precisions each answers as Keras does."""

    detector: Detector  # in Keras
    samples: Sequence[Sample]
    images: Images  # what exports are compared on
    wanted: dict[str, np.ndarray]  # what Keras says of these images
    seed: int
    scratch: Path  # files that others are made out of lie here, too

    @cached_property
    def quantising(self) -> Images:
        """What ranges are learnt by."""
        return sample.read(self.detector, self.samples, "train", sample.QUANTISING, self.seed)

    def write(self, name: str) -> None:
        """Write the files of one export."""
        variant, card = VARIANTS[name], self.detector.card
        if variant.head:
            recurrent.write(self.detector, name, self.scratch)
            return
        source, target = (self.scratch / VARIANTS[n].file for n in (variant.format, name))
        if not source.exists():
            known, features = self.detector.familiarity, card.temporal is not None
            model = self.detector.model
            graphs.write(model, card.temperature, source, variant.format, known, features)
        if name == "onnx-float16":
            graphs.halve(source, target)
        elif name == "onnx-int8":
            quantise.in_onnx(source, target, self.quantising.pixels)
        elif name == "openvino-int8":
            quantise.in_openvino(source, target, self.quantising.pixels)

    def check(self, name: str) -> tuple[Export | None, dict[str, str]]:
        """Run an export in each of its precisions and compare it with Keras.

        Returns:
            What the card may say of it, None where no precision is accepted; and what is wrong, by
            precision.
        """
        variant, card = VARIANTS[name], self.detector.card
        checks: dict[str, dict[str, Any]] = {}
        faults: dict[str, str] = {}
        for precision in variant.precisions:
            if precision == "bfloat16" and not runtimes.native_bfloat16():
                continue
            try:
                found = self._compare(name, precision)
            except InputError as error:
                # Exporters may be silent about a file that nothing can read.
                faults[precision] = str(error)
                continue
            checks[precision] = asdict(found)
            if fault := found.fault(precision):
                faults[precision] = fault
        allowed = [precision for precision in checks if precision not in faults]
        if not allowed:
            return None, faults
        files = variant.files(self.scratch)
        made = Export(
            files={path.relative_to(self.scratch).as_posix(): sha256(path) for path in files},
            bytes=sum(path.stat().st_size for path in files),
            temperature=card.temperature,
            allowed=allowed,
            checks=checks,
            processor=processor.describe(),
            images=self.images.said,
            familiarity=card.familiarity_sha256,
        )
        return made, faults

    def _compare(self, name: str, precision: str) -> Agreement | ClipAgreement:
        variant, detector = VARIANTS[name], self.detector
        if variant.head:
            return recurrent.check(detector, name, self.scratch, self.wanted)
        got = agreement.score(runtimes.make(variant, self.scratch, precision), self.images.pixels)
        labels, known = self.images.labels, detector.calibration
        found = agreement.compare(self.wanted, got, labels, known, precision)
        return replace(found, clips=recurrent.carried(detector, self.wanted, got))
