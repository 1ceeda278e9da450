"""Train a detector: audit, load, build, warm up, unfreeze, fine-tune, calibrate, save, export."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from src import CheckFailed, InputError
from src.audit import audit
from src.auditing.findings import Audit
from src.calibrate import calibrate_on, sentences, set_apart
from src.cli import Verb
from src.data import dataset, pixels
from src.data.division import CALIBRATION
from src.data.equalize import equalized
from src.data.folders import Sample
from src.detector import bundle, halves, network
from src.detector.detector import Detector
from src.detector.framing import Framing
from src.detector.location import DEFAULT
from src.export import export as export_bundle
from src.files import atomic_folder, refuse_existing, write_table, write_text
from src.training import familiarity, precision, record, weights
from src.training.framing import choose_framing
from src.training.settings import SCRATCH, TWO_PHASE, Settings, options
from src.training.state import RunFolder

if TYPE_CHECKING:
    import keras
    import numpy as np

    from src.training.familiarity import Learnt
    from src.training.phases import Run

log = logging.getLogger(__name__)


def train(
    settings: Settings,
    output: Path = DEFAULT,
    *,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: Path | None = None,
    export: bool = True,
) -> Path:
    """Train a detector and write its bundle.

    Args:
        settings: what decides the run.
        output: the bundle's folder; the run's state stands in `output` + `.partial` meanwhile.
        resume: continue the run that was left in `.partial`, if there is one.
        overwrite: replace a bundle and an unfinished run.
        tensorboard: folder for TensorBoard's log.
        export: write the network for OpenVINO as well, which runs it several times faster.

    Returns:
        `output`.

    Raises:
        InputError: data, weights or settings that cannot be used.
        CheckFailed: data not fit to learn from, or a loss that became NaN.
    """
    _require_tensorboard(tensorboard)
    refuse_existing(output, overwrite)
    folder = RunFolder(output.with_name(output.name + ".partial"))
    state = folder.open(dataclasses.asdict(settings), resume=resume, overwrite=overwrite)
    audited = _audit(settings)
    data, framing = _dataset(settings, folder)
    try:
        # Keras takes seconds to load: a wrong folder has been told by now.
        from src.training.phases import Run, plan

        precision.seed_everything(settings.seed, deterministic=settings.deterministic)
        start, initial = weights.initial_weights(settings.weights, settings.backbone)
        folder.require_start(state, initial)
        schedule = settings.schedule or (TWO_PHASE if start else SCRATCH)
        compute = precision.choose(settings.precision)
        log.info("%s schedule from %s weights in %s", schedule, initial["kind"], compute)
        with precision.computing_in(compute):
            model = _build(settings, start)
            if settings.crops:
                model = network.of_any_size(model)
        run = Run(settings, data, model, folder, state, tensorboard)
        for phase in plan(settings, schedule):
            if phase.name not in state.finished:
                run.fit(phase)
        facts = {"schedule": schedule, "precision": compute}
        _save(run, output, facts, audited, framing, overwrite)
    finally:
        data.cache.close()
    shutil.rmtree(folder.path)
    _report(run, output)
    if export:
        _export(output, settings)
    return output


def _require_tensorboard(folder: Path | None) -> None:
    if folder is not None and not (find_spec("tensorflow") and find_spec("tensorboard")):
        raise InputError(
            "--tensorboard needs TensorFlow and TensorBoard to write its log: "
            "pip install 'deepfake-detector[tensorboard]'"
        )


def _audit(settings: Settings) -> Audit:
    """Audit the images of all splits; those of the test split are only compared with the others.

    Raises:
        CheckFailed: what was found makes the data unfit to learn from.
    """
    audited = audit(
        settings.data_dirs,
        max_shortcut_auc=settings.max_shortcut_auc,
        equalize=settings.equalize,
        image_size=settings.image_size,
        seed=settings.seed,
        limit_per_class=settings.limit_per_class,
        fraction=settings.fraction,
        remembered=True,
    )
    stops = [
        finding
        for finding in audited.stops
        if not (settings.allow_shortcut and finding.code == "container_shortcut")
    ]
    for finding in audited.findings:
        if finding not in stops:
            log.warning("audit: %s", finding.sentence)
    if stops:
        reasons = "\n".join(f"- {finding.sentence}" for finding in stops)
        raise CheckFailed(
            "the data is not fit to learn from (`deepfake audit` shows the images; "
            f"--allow-shortcut goes on past a shortcut, and past nothing else):\n{reasons}"
        )
    return audited


def _dataset(settings: Settings, folder: RunFolder) -> tuple[dataset.Dataset, Framing]:
    """Find the images, set some apart for calibration, frame them alike and decode them."""
    samples = dataset.find(
        settings.data_dirs,
        ("train", "validation"),
        seed=settings.seed,
        limit_per_class=settings.limit_per_class,
        fraction=settings.fraction,
        self_blend=settings.self_blend,
    )
    samples = _divided(settings, samples)
    framing = choose_framing(settings, samples)
    read = equalized(framing.load) if settings.equalize else framing.load
    size, blend = settings.image_size, settings.self_blend
    return dataset.load(samples, size, folder.path, read, self_blend=blend), framing


def _divided(settings: Settings, samples: list[Sample]) -> list[Sample]:
    """Set a part of the validation images apart, by which nothing is chosen."""
    rates = settings.max_false_fake, settings.max_false_real
    divided = set_apart(
        samples, max_false_fake=rates[0], max_false_real=rates[1], seed=settings.seed
    )
    if not any(sample.split == CALIBRATION for sample in divided):
        log.warning(
            "the validation images are too few, or of one class, to set some apart for "
            "calibration: the detector will promise nothing until `deepfake calibrate`"
        )
    return divided


def _build(settings: Settings, start: Path | None) -> keras.Model:
    return network.build(
        settings.backbone,
        image_size=settings.image_size,
        dropout=settings.dropout,
        weights=start,
    )


def _save(
    run: Run,
    output: Path,
    facts: dict[str, Any],
    audited: Audit,
    framing: Framing,
    overwrite: bool,
) -> None:
    """Write the bundle with the weights of the best epoch, in float32 or rounded to float16."""
    from src.report import plots

    # A network of its own, so that neither a half-precision policy nor frozen layers are saved.
    model = _build(run.settings, None)
    dataclasses.replace(run, model=model).load_best()
    if run.settings.half_weights:
        halves.round_kernels(model)
    card = record.card(output.name, run, model, facts, audited, framing)
    with atomic_folder(output, overwrite=overwrite) as folder:
        learnt = _familiar(run, model, framing)
        known = learnt.facts(learnt.familiarity.write(folder))
        model = network.probability(model)
        detector = Detector.in_keras(card, model, familiarity=learnt.familiarity)
        calibration = _calibration(run, detector)
        card = dataclasses.replace(card, familiarity=known, calibration=calibration)
        bundle.save(folder, detector.model, card)
        write_table(folder / "history.csv", run.state.history)
        write_text(folder / "config.json", json.dumps(card.training, indent=2) + "\n")
        plots.save(plots.training_curves(run.state.history), folder / "curves.png")
        if run.dataset.skipped:
            rows = [dataclasses.asdict(skipped) for skipped in run.dataset.skipped]
            write_table(folder / "skipped.csv", rows)


def _familiar(run: Run, model: keras.Model, framing: Framing) -> Learnt:
    """Learn what is familiar from the training images, as they are in inference."""
    data, settings = run.dataset, run.settings
    indices = sorted(set(data.indices("train")))
    samples = [data.samples[index] for index in indices]

    def image(number: int) -> np.ndarray:
        if not settings.equalize:
            return data.cache[indices[number]]
        path = samples[number].path
        return framing.load(pixels.content(path), settings.image_size, str(path))

    return familiarity.learn(samples, image, model, settings.seed)


def _calibration(run: Run, detector: Detector) -> dict[str, Any] | None:
    """Calibrate on the images that were set apart, if there are any."""
    data, settings = run.dataset, run.settings
    apart = [
        sample
        for sample, digest in zip(data.samples, data.digests, strict=True)
        if digest and sample.split == CALIBRATION
    ]
    if not apart:
        return None
    try:
        found = calibrate_on(
            apart,
            detector,
            max_false_fake=settings.max_false_fake,
            max_false_real=settings.max_false_real,
            batch_size=settings.batch_size,
            seed=settings.seed,
        )
    except InputError as error:
        # Such as no face in any of them: no reason to lose what was learnt.
        log.warning("the detector promises nothing until `deepfake calibrate`: %s", error)
        return None
    for sentence in sentences(found):
        log.info("%s", sentence)
    return found.to_dict()


def _export(output: Path, settings: Settings) -> None:
    """Export to OpenVINO, in eight bits too where that can be done; the bundle stands without."""
    try:
        outcomes = export_bundle(output, "openvino", settings.data_dirs)
    except (InputError, CheckFailed) as error:
        log.warning("not exported: %s", error)
        return
    for outcome in outcomes:
        log.info("exported: %s", outcome.sentence())


def _report(run: Run, output: Path) -> None:
    best = record.best(run.state)
    if run.dataset.skipped:
        log.warning("%d unreadable images: %s/skipped.csv", len(run.dataset.skipped), output)
    log.info(
        "best epoch %d of %d: validation AUC %.4f (it chose the epoch: measure the error with "
        "`deepfake evaluate`)\nbundle: %s",
        best["epoch"],
        len(run.state.history),
        best["val_auc"],
        output,
    )


@click.command(cls=Verb)
@options
@click.option("--output", type=click.Path(path_type=Path), default=DEFAULT, help="The bundle.")
@click.option("--tensorboard", type=click.Path(path_type=Path), help="Folder for its log.")
@click.option("--export/--no-export", default=True, help="Export to OpenVINO at the end.")
@click.option("--resume", is_flag=True, help="Continue an unfinished run.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle or an unfinished run.")
def command(
    output: Path,
    resume: bool,
    overwrite: bool,
    tensorboard: Path | None,
    export: bool,
    **settings: Any,
) -> None:
    """Train a detector in two phases and write its bundle."""
    train(
        Settings(**settings),
        output,
        resume=resume,
        overwrite=overwrite,
        tensorboard=tensorboard,
        export=export,
    )


if __name__ == "__main__":
    command()
