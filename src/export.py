"""Export a detector for other runtimes; no file is accepted that does not answer as Keras does."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

from src import CheckFailed, InputError, processor
from src.calibrate import calibrate_on, set_apart
from src.cli import Verb
from src.data.division import CALIBRATION
from src.data.folders import Sample
from src.detector import load, locate
from src.detector.calibration import Calibration
from src.detector.card import CARD_FILE, Card, read_card
from src.detector.detector import Detector
from src.detector.engines import Engine, choice, reference
from src.detector.engines.in_openvino import native_bfloat16
from src.detector.exports import (
    FORMATS,
    VARIANTS,
    Agreement,
    ClipAgreement,
    Export,
    Variant,
    sha256,
)
from src.detector.location import MODEL_HELP
from src.exporting import agreement, graphs, others, placing, quantise, recurrent, sample
from src.exporting.sample import Images
from src.files import refuse_existing, write_text

log = logging.getLogger(__name__)

ALL = "all"
CHOICES = (*dict.fromkeys((*FORMATS, *VARIANTS)), ALL)
INT8 = ("int8",)


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
    done = [] if overwrite or output else [name for name in wanted if _is_there(folder, card, name)]
    outcomes = [Outcome(name, Export.of(card.exports, name), {}, kept=True) for name in done]
    rest = [name for name in wanted if name not in done]
    if "openvino-int8" in rest and find_spec("nncf") is None:
        log.warning("int8 for OpenVINO is left out: pip install 'deepfake-detector[export]'")
        rest.remove("openvino-int8")
    if rest:
        for name in rest:
            if not VARIANTS[name].head:
                graphs.require_exporter(VARIANTS[name].format)
        outcomes += _exported(folder, card, rest, data_dirs, output, seed)
    return outcomes


def _is_there(folder: Path, card: Card, name: str) -> bool:
    """Tell whether a bundle holds an export, with temperature and familiarity as they are now."""
    found = Export.of(card.exports, name)
    if found is None or found.temperature != card.temperature:
        return False
    if found.familiarity != card.familiarity_sha256:
        return False
    try:
        found.require_whole(folder)
    except InputError:
        return False
    return True


def _exported(
    folder: Path,
    card: Card,
    names: Sequence[str],
    data_dirs: Sequence[str | Path],
    output: Path | None,
    seed: int,
) -> list[Outcome]:
    detector = load(folder, "keras")
    samples = sample.find(card, data_dirs)
    images = sample.read(detector, samples, "validation", sample.COMPARED, seed)
    wanted = agreement.score(detector.engine, images.pixels)
    outcomes = []

    @cache
    def quantising() -> Images:
        return sample.read(detector, samples, "train", sample.QUANTISING, seed)

    with tempfile.TemporaryDirectory(prefix="export-", dir=_beside(output or folder)) as scratch:
        for name in names:
            _write(detector, name, Path(scratch), quantising)
            outcome = _checked(detector, name, Path(scratch), images, wanted)
            if outcome.export and VARIANTS[name].precisions == INT8 and output is None:
                engine = _engine(VARIANTS[name], Path(scratch), "int8")
                made = _with_own_calibration(outcome.export, detector, engine, samples)
                said = f"{made.images}; quantised by {quantising().said}"
                outcome = replace(outcome, export=replace(made, images=said))
            outcomes.append(outcome)
            if outcome.export is not None:
                placing.move(Path(scratch), output or folder, VARIANTS[name])
            elif output is None and name in card.exports:
                placing.remove(folder, VARIANTS[name])
    if output is None:
        reference.write(folder, detector.engine, card.image_size)
        _into_card(folder, outcomes)
    return outcomes


def _beside(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(detector: Detector, name: str, scratch: Path, quantising: Callable[[], Images]) -> None:
    """Write the files of one export into a folder, in which those before it lie."""
    variant = VARIANTS[name]
    if variant.head:
        recurrent.write(detector, name, scratch)
        return
    source, target = scratch / VARIANTS[variant.format].file, scratch / variant.file
    if not source.exists():
        card, format = detector.card, variant.format
        known, features = detector.familiarity, card.temporal is not None
        graphs.write(detector.model, card.temperature, source, format, known, features)
    if name == "onnx-float16":
        graphs.halve(source, target)
    elif name == "onnx-int8":
        quantise.in_onnx(source, target, quantising().pixels)
    elif name == "openvino-int8":
        quantise.in_openvino(source, target, quantising().pixels)


def _checked(
    detector: Detector, name: str, scratch: Path, images: Images, wanted: dict[str, np.ndarray]
) -> Outcome:
    variant = VARIANTS[name]
    checks: dict[str, dict[str, Any]] = {}
    faults: dict[str, str] = {}
    for precision in variant.precisions:
        if precision == "bfloat16" and not native_bfloat16():
            continue
        try:
            found = _compared(detector, name, scratch, precision, images, wanted)
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
    files = placing.files(scratch, variant)
    return Outcome(
        name,
        Export(
            files={str(path.relative_to(scratch)): sha256(path) for path in files},
            bytes=sum(path.stat().st_size for path in files),
            temperature=detector.card.temperature,
            allowed=allowed,
            checks=checks,
            processor=processor.describe(),
            images=images.said,
            familiarity=detector.card.familiarity_sha256,
        ),
        faults,
    )


def _compared(
    detector: Detector,
    name: str,
    scratch: Path,
    precision: str,
    images: Images,
    wanted: dict[str, np.ndarray],
) -> Agreement | ClipAgreement:
    if VARIANTS[name].head:
        return recurrent.check(detector, name, scratch, wanted)
    got = agreement.score(_engine(VARIANTS[name], scratch, precision), images.pixels)
    found = agreement.compare(wanted, got, images.labels, detector.calibration, precision)
    return replace(found, clips=recurrent.carried(detector, wanted, got))


def _with_own_calibration(
    export: Export, detector: Detector, engine: Engine, samples: Sequence[Sample]
) -> Export:
    """Calibrate an export by its own scores, on the images that calibrated the detector.

    Where they are not all there the card's calibration goes on, and the export says so.
    """
    card, known = detector.card, detector.calibration
    if known is None:
        return export
    rates = {"max_false_fake": known.false_fake.asked, "max_false_real": known.false_real.asked}
    seed = card.seed
    apart = [one for one in set_apart(samples, **rates, seed=seed) if one.split == CALIBRATION]
    own = Detector(card, engine, lambda: detector.finder)
    try:
        found = calibrate_on(apart, own, **rates, batch_size=agreement.BATCH, seed=seed)
    except (InputError, CheckFailed) as error:
        log.info("no calibration of its own: %s", error)
        found = None
    # The card keeps the scores of its images but no paths.
    if found is None or _counts(found) != _counts(known):
        said = "with the card's calibration, because the images behind it were not found"
        log.warning("int8 by %s goes %s: give them with --data-dir", engine.name, said)
        return replace(export, images=f"{export.images}; {said}")
    return replace(export, calibration=found.to_dict())


def _counts(calibration: Calibration) -> dict[tuple[str, str], int]:
    return {
        (name, source): len(values)
        for name, sources in calibration.scores.items()
        for source, values in sources.items()
    }


def _engine(variant: Variant, folder: Path, precision: str) -> Engine:
    if variant.format == "litert":
        return others.LiteRT(folder / variant.file, precision)
    if variant.format == "saved_model":
        return others.SavedModel(folder / variant.file, precision)
    return choice.make(variant, folder, precision)


def _into_card(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write into the card what was accepted; what was rejected is in it no longer."""
    card = read_card(folder)
    made = {one.name: one.export.to_dict() if one.export else None for one in outcomes}
    exports = {name: made.get(name, known) for name, known in (card.exports | made).items()}
    kept = {name: known for name, known in exports.items() if known is not None}
    name = reference.REFERENCE_FILE
    files = card.files | {name: sha256(folder / name)}
    write_text(folder / CARD_FILE, replace(card, files=files, exports=kept).to_json())


@click.command(cls=Verb)
@click.option("--model", help=MODEL_HELP)
@click.option("--format", type=click.Choice(CHOICES), default=ALL)
@click.option("--data-dir", "data_dirs", multiple=True, help="Images to check on; repeatable.")
@click.option("--output", type=click.Path(path_type=Path), help="[default: into the bundle]")
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--overwrite", is_flag=True, help="Make anew what the bundle holds.")
def command(
    model: str | None,
    format: str,
    data_dirs: tuple[str, ...],
    output: Path | None,
    seed: int,
    overwrite: bool,
) -> None:
    """Write a detector's network for other runtimes, each file checked against Keras."""
    if output is not None:
        refuse_existing(output, overwrite)
    outcomes = export(model, format, data_dirs, output=output, overwrite=overwrite, seed=seed)
    rejected = [outcome.sentence() for outcome in outcomes if outcome.export is None]
    for outcome in outcomes:
        if outcome.export is not None or format == ALL:
            click.echo(outcome.sentence())
    if rejected and format != ALL:
        raise CheckFailed("; ".join(rejected))


if __name__ == "__main__":
    command()
