"""Export a detector for other runtimes; no file is accepted that does not answer as Keras does."""

import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

from src import CheckFailed, InputError, options, processor
from src.calibrate import calibrate_on, set_apart
from src.cli import Verb
from src.data.folders import Sample
from src.data.splits import CALIBRATION
from src.detector import load, locate
from src.detector.calibration import Calibration
from src.detector.card import CARD_FILE, Card, read_card
from src.detector.detector import Detector
from src.detector.engines import reference, runtimes
from src.detector.exports import FORMATS, VARIANTS, Export, Variant, sha256
from src.exporting import agreement, graphs, quantise, recurrent, sample
from src.exporting.agreement import Agreement, ClipAgreement
from src.exporting.sample import Images
from src.files import refuse_existing, write_text

log = logging.getLogger(__name__)

ALL = "all"
CHOICES = (*dict.fromkeys((*FORMATS, *VARIANTS)), ALL)


@dataclass(frozen=True)
class Outcome:
    """What became of one export."""

    name: str  # key of `VARIANTS`
    export: Export | None  # what the card says of it; None where it was rejected
    faults: dict[str, str]  # what is wrong, by precision; of one that was accepted, of the others
    kept: bool = False  # it was there already, and nothing was done

    def sentence(self) -> str:
        """Say what became of an export, for people."""
        said = "; ".join(f"{precision}: {fault}" for precision, fault in self.faults.items())
        if self.export is None:
            return f"{self.name} was not accepted ({said})"
        size = f"{self.export.bytes / 1e6:.1f} MB"
        allowed = ", ".join(self.export.allowed)
        if self.kept:
            return f"{self.name} is there already, checked in {allowed} ({size}): nothing was done"
        largest = max(self.export.checks[p]["largest"] for p in self.export.allowed)
        told = f"{self.name}: {size}, p_fake differs by at most {largest:.2g} in {allowed}"
        return f"{told}; not accepted in {said}" if said else told


def export(
    model: str | Path | None = None,
    format: str = ALL,
    data_dirs: Sequence[str | Path] = (),
    *,
    output: Path | None = None,
    overwrite: bool = False,
    seed: int = 0,
) -> list[Outcome]:
    """Write a detector's network for other runtimes, each file checked before it is accepted.

    Args:
        model: the bundle; see `location.locate`, also for what None takes.
        format: one of `exports.FORMATS`, a key of `exports.VARIANTS` for that file alone, or `all`.
        data_dirs: images to check on, and to quantise by; see `sample.find`.
        output: another folder for the files; the card stays as it is.

    Raises:
        InputError: no bundle, a package is missing, or there are no images.
    """
    folder = locate(model, changing=output is None)
    card = read_card(folder)
    wanted = [
        name
        for name, variant in VARIANTS.items()
        if format in (ALL, variant.format, name) and (card.temporal or not variant.head)
    ]
    if not wanted:
        raise InputError(f"{folder} has no temporal head; `deepfake train --temporal lstm` adds it")
    known = {} if overwrite or output else {name: _known(folder, card, name) for name in wanted}
    outcomes = [Outcome(name, one, {}, kept=True) for name, one in known.items() if one]
    rest = [name for name in wanted if not known.get(name)]
    if "openvino-int8" in rest and find_spec("nncf") is None:
        log.warning("int8 for OpenVINO is left out: pip install 'deepfake-detector[export]'")
        rest.remove("openvino-int8")
    if rest:
        for name in rest:
            if not VARIANTS[name].head:
                graphs.require_exporter(VARIANTS[name].format)
        outcomes += _made(folder, card, rest, data_dirs, output, seed)
    return outcomes


def _known(folder: Path, card: Card, name: str) -> Export | None:
    """Return an export that a bundle holds, with temperature and familiarity as they are now."""
    found, now = Export.of(card.exports, name), (card.temperature, card.familiarity_sha256)
    if found is None or (found.temperature, found.familiarity) != now:
        return None
    try:
        found.require_whole(folder)
    except InputError:
        return None
    return found


def _made(
    folder: Path,
    card: Card,
    names: Sequence[str],
    data_dirs: Sequence[str | Path],
    output: Path | None,
    seed: int,
) -> list[Outcome]:
    """Write, check and take up exports one by one; those of a bundle stand in its card then."""
    detector, samples = load(folder, "keras"), sample.find(card, data_dirs)
    images = sample.read(detector, samples, "validation", sample.COMPARED, seed)
    wanted = agreement.score(detector.engine, images.pixels)
    outcomes, target = [], output or folder
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="export-", dir=target) as scratch:
        exporter = _Exporter(detector, samples, images, wanted, seed, Path(scratch))
        for name in names:
            exporter.write(name)
            outcome = exporter.check(name)
            if outcome.export and "int8" in outcome.export.allowed and output is None:
                outcome = replace(outcome, export=exporter.calibrate(name, outcome.export))
            outcomes.append(outcome)
            if outcome.export is not None:
                _move(Path(scratch), target, VARIANTS[name])
            elif output is None and name in card.exports:
                for path in VARIANTS[name].files(folder):
                    path.unlink(missing_ok=True)
    if output is None:
        reference.write(folder, detector.engine, card.image_size)
        _into_card(folder, outcomes)
    return outcomes


@dataclass(frozen=True)
class _Exporter:
    """Writes exports into a scratch folder, and holds each against Keras."""

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

    def check(self, name: str) -> Outcome:
        """Run an export in each of its precisions and compare it with Keras."""
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
            return Outcome(name, None, faults)
        files = variant.files(self.scratch)
        made = Export(
            files={str(path.relative_to(self.scratch)): sha256(path) for path in files},
            bytes=sum(path.stat().st_size for path in files),
            temperature=card.temperature,
            allowed=allowed,
            checks=checks,
            processor=processor.describe(),
            images=self.images.said,
            familiarity=card.familiarity_sha256,
        )
        return Outcome(name, made, faults)

    def _compare(self, name: str, precision: str) -> Agreement | ClipAgreement:
        variant, detector = VARIANTS[name], self.detector
        if variant.head:
            return recurrent.check(detector, name, self.scratch, self.wanted)
        got = agreement.score(runtimes.make(variant, self.scratch, precision), self.images.pixels)
        labels, known = self.images.labels, detector.calibration
        found = agreement.compare(self.wanted, got, labels, known, precision)
        return replace(found, clips=recurrent.carried(detector, self.wanted, got))

    def calibrate(self, name: str, made: Export) -> Export:
        """Give an int8 export a calibration of its own, on the images behind the detector's.

        Where they are not all there the card's calibration goes on, and the export says so.
        """
        known, images = self.detector.calibration, made.images
        own = None if known is None else self._own_calibration(name, known)
        if known is not None and own is None:
            said = "with the card's calibration, because the images behind it were not found"
            runner = VARIANTS[name].runner
            log.warning("int8 by %s goes %s: give them with --data-dir", runner, said)
            images += f"; {said}"
        images += f"; quantised by {self.quantising.said}"
        return replace(made, images=images, calibration=None if own is None else own.to_dict())

    def _own_calibration(self, name: str, known: Calibration) -> Calibration | None:
        """Calibrate by an export's own scores; None where the images are not all there."""
        card = self.detector.card
        rates = {"max_false_fake": known.false_fake.asked, "max_false_real": known.false_real.asked}
        divided = set_apart(self.samples, **rates, seed=card.seed)
        apart = [sample for sample in divided if sample.split == CALIBRATION]
        engine = runtimes.make(VARIANTS[name], self.scratch, "int8")
        own = Detector(card, engine, lambda: self.detector.finder)
        try:
            found = calibrate_on(apart, own, **rates, batch_size=agreement.BATCH, seed=card.seed)
        except (InputError, CheckFailed) as error:
            log.info("no calibration of its own: %s", error)
            return None
        # The card keeps the scores of its images but no paths.
        return found if _counts(found) == _counts(known) else None


def _move(scratch: Path, folder: Path, variant: Variant) -> None:
    """Put the files of an export in the place of an earlier one."""
    if (folder / variant.file).is_dir():
        shutil.rmtree(folder / variant.file)
    for path in variant.files(scratch):
        target = folder / path.relative_to(scratch)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Copied, because another export may be made out of it.
        shutil.copyfile(path, target)


def _counts(calibration: Calibration) -> dict[str, dict[str, int]]:
    return {
        name: {source: len(values) for source, values in sources.items()}
        for name, sources in calibration.scores.items()
    }


def _into_card(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write into the card what was accepted; what was rejected is in it no longer."""
    card = read_card(folder)
    made = {one.name: one.export and asdict(one.export) for one in outcomes}
    kept = {name: known for name, known in (card.exports | made).items() if known is not None}
    name = reference.REFERENCE_FILE
    files = card.files | {name: sha256(folder / name)}
    write_text(folder / CARD_FILE, replace(card, files=files, exports=kept).to_json())


@click.command(cls=Verb)
@options.model
@click.option("--format", type=click.Choice(CHOICES), default=ALL)
@click.option("--data-dir", "data_dirs", multiple=True, help="Images to check on; repeatable.")
@click.option("--output", type=options.PATH, help="[default: into the bundle]")
@options.seed
@options.overwrite("Make anew what the bundle holds.")
def command(format: str, output: Path | None, overwrite: bool, **chosen: Any) -> None:
    """Write a detector's network for other runtimes, each file checked against Keras."""
    if output is not None:
        refuse_existing(output, overwrite)
    outcomes = export(format=format, output=output, overwrite=overwrite, **chosen)
    rejected = [outcome.sentence() for outcome in outcomes if outcome.export is None]
    for outcome in outcomes:
        if outcome.export is not None or format == ALL:
            click.echo(outcome.sentence())
    if rejected and format != ALL:
        raise CheckFailed("; ".join(rejected))


if __name__ == "__main__":
    command()
