"""Train a detector: audit, load, build, warm up, unfreeze, fine-tune, calibrate, save, export.

With a temporal head, that is the second step: once the frame network is trained, it is frozen and
the head learns from its features of the frames of whole clips.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from src import CheckFailed, InputError
from src.audit import audit, require_fit
from src.auditing.findings import Audit
from src.calibrate import calibrate_on, sentences, set_apart
from src.cli import ARGUMENTS, Verb
from src.data import dataset
from src.data.equalize import equalized
from src.data.folders import Sample
from src.data.shard import ALONE, Shard
from src.data.splits import CALIBRATION
from src.detector import bundle, halves, network
from src.detector.detector import Detector
from src.detector.framing import Framing
from src.detector.location import DEFAULT
from src.evaluation import tracks
from src.export import export as export_bundle
from src.faces import cut_videos
from src.files import atomic_folder, refuse_existing, write_table, write_text
from src.training import familiarity, precision, processes, record, weights
from src.training.framing import choose_framing, with_finder
from src.training.launching import launch
from src.training.settings import SCRATCH, TWO_PHASE, Settings, options
from src.training.state import RunFolder

if TYPE_CHECKING:
    import keras

    from src.training import temporal
    from src.training.phases import Run

log = logging.getLogger(__name__)

# So many times the frames of a clip are cut out of a video, so that epochs see different ones.
FRAMES_A_CLIP = 2


def train(
    settings: Settings,
    output: Path = DEFAULT,
    *,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: Path | None = None,
    export: bool = True,
    shard: Shard = ALONE,
) -> Path:
    """Train a detector and write its bundle.

    In several processes the network is trained by all of them, and the first one alone does what
    comes before and after.

    Args:
        settings: what decides the run.
        output: the bundle's folder; the run's state stands in `output` + `.partial` meanwhile.
        resume: continue the run that was left in `.partial`, if there is one.
        overwrite: replace a bundle and an unfinished run.
        tensorboard: folder for TensorBoard's log.
        export: write the network for OpenVINO as well, which runs it several times faster.
        shard: which of several processes this is, see `processes.joined`.

    Returns:
        `output`.

    Raises:
        InputError: data, weights or settings that cannot be used.
        CheckFailed: data not fit to learn from, or a loss that became NaN.
    """
    record.require_tensorboard(tensorboard)
    folder = RunFolder(output.with_name(output.name + ".partial"), shard)
    shard.from_first(lambda: refuse_existing(output, overwrite))
    state = folder.open(dataclasses.asdict(settings), resume=resume, overwrite=overwrite)
    prepared = shard.from_first(lambda: _prepare(settings, folder))
    settings, framing = prepared.settings, with_finder(prepared.framing)
    data = _dataset(prepared, framing, folder)
    try:
        # Keras takes seconds to load: a wrong folder has been told by now.
        from src.training.phases import Run, plan

        start, initial = weights.agreed(settings.weights, settings.backbone, shard)
        # After that: where weights are downloaded, Keras builds a network, and draws for it.
        precision.seed_everything(settings.seed, deterministic=settings.deterministic)
        folder.require_start(state, initial)
        schedule = settings.schedule or (TWO_PHASE if start else SCRATCH)
        compute = shard.from_first(lambda: precision.choose(settings.precision))
        log.info("%s schedule from %s weights in %s", schedule, initial["kind"], compute)
        with processes.data_parallel(shard):
            with precision.computing_in(compute):
                model = _build(settings, start)
                if settings.crops:
                    model = network.of_any_size(model)
            run = Run(settings, data, model, folder, state, tensorboard)
            for phase in plan(settings, schedule):
                if phase.name not in state.finished:
                    run.fit(phase)
        if not shard.first:
            return output
        facts = {"schedule": schedule, "precision": compute}
        _save(run, output, facts, prepared.audited, framing, overwrite)
    finally:
        data.cache.close()
    record.report(run, output)
    if export:
        _export(output, settings)
    shutil.rmtree(folder.path)
    return output


@dataclass(frozen=True)
class Prepared:
    """What is settled before the first image is decoded.

    Attributes:
        settings: of the run, with the folders that images are read from.
        audited: what the audit of the data found.
        samples: the images to learn, choose and calibrate from.
        framing: of their faces.
    """

    settings: Settings
    audited: Audit
    samples: list[Sample]
    framing: Framing


def _prepare(settings: Settings, folder: RunFolder) -> Prepared:
    """Cut videos into frames, audit the data, divide the images and measure the framing."""
    count = FRAMES_A_CLIP * settings.clip_frames
    folders = cut_videos(settings.data_dirs, folder.path / "frames", frames=count)
    settings = dataclasses.replace(settings, data_dirs=folders)
    audited = _audit(settings)
    samples = _samples(settings)
    return Prepared(settings, audited, samples, choose_framing(settings, samples))


def _audit(settings: Settings) -> Audit:
    """Audit the images of all splits; those of the test split are only compared with the others.

    Raises:
        CheckFailed: what was found makes the data unfit to learn from.
    """
    audited = audit(
        settings.data_dirs,
        max_shortcut_auc=settings.max_shortcut_auc,
        equalize=settings.equalize,
        image_size=settings.encoded_size,
        seed=settings.seed,
        limit_per_class=settings.limit_per_class,
        fraction=settings.fraction,
        remembered=True,
    )
    require_fit(audited, allow_shortcut=settings.allow_shortcut)
    return audited


def _samples(settings: Settings) -> list[Sample]:
    """Find the images, and set some apart for calibration."""
    samples = dataset.find(
        settings.data_dirs,
        ("train", "validation"),
        seed=settings.seed,
        limit_per_class=settings.limit_per_class,
        fraction=settings.fraction,
        self_blend=settings.self_blend,
    )
    return _divided(settings, samples)


def _dataset(prepared: Prepared, framing: Framing, folder: RunFolder) -> dataset.Dataset:
    """Decode the images, framed alike."""
    settings = prepared.settings
    return dataset.load(
        prepared.samples,
        settings.image_size,
        folder.path,
        equalized(framing.load, settings.encoded_size) if settings.equalize else framing.load,
        self_blend=settings.self_blend,
        shard=folder.shard,
    )


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
        learnt = familiarity.of_run(run, model, framing)
        known = learnt.facts(learnt.familiarity.write(folder))
        head = _head(run, model, folder)
        card = dataclasses.replace(card, temporal=head.facts if head else None)
        model = network.probability(model)
        detector = Detector.in_keras(
            card, model, familiarity=learnt.familiarity, head=lambda: head.head if head else None
        )
        apart = run.dataset.readable(CALIBRATION)
        card = dataclasses.replace(
            card,
            familiarity=known,
            calibration=_calibration(run.settings, detector, apart),
            tracks=_tracks(run.settings, detector, apart) if head else None,
        )
        bundle.save(folder, detector.model, card)
        write_table(folder / "history.csv", run.state.history)
        write_text(folder / "config.json", json.dumps(card.training, indent=2) + "\n")
        plots.save(plots.training_curves(run.state.history), folder / "curves.png")
        if run.dataset.skipped:
            rows = [dataclasses.asdict(skipped) for skipped in run.dataset.skipped]
            write_table(folder / "skipped.csv", rows)


def _head(run: Run, model: keras.Model, folder: Path) -> temporal.Learnt | None:
    """Train the temporal head that was asked for, on the frozen frame network."""
    if run.settings.temporal is None:
        return None
    from src.training import temporal

    learnt = temporal.learn(run, model)
    learnt.write(folder)
    return learnt


def _tracks(
    settings: Settings, detector: Detector, apart: Sequence[Sample]
) -> dict[str, Any] | None:
    """Calibrate persons over time on the videos that were set apart, if there are any."""
    try:
        return tracks.calibrate(apart, detector, **settings.calibrating).to_dict()
    except InputError as error:
        log.warning("not calibrated on video: %s", error)
        return None


def _calibration(
    settings: Settings, detector: Detector, apart: Sequence[Sample]
) -> dict[str, Any] | None:
    """Calibrate on the images that were set apart, if there are any."""
    if not apart:
        return None
    try:
        found = calibrate_on(apart, detector, **settings.calibrating)
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


@click.command(cls=Verb)
@options
@click.option("--output", type=click.Path(path_type=Path), default=DEFAULT, help="The bundle.")
@click.option("--tensorboard", type=click.Path(path_type=Path), help="Folder for its log.")
@click.option("--export/--no-export", default=True, help="Export to OpenVINO at the end.")
@click.option("--resume", is_flag=True, help="Continue an unfinished run.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle or an unfinished run.")
@processes.options
@click.pass_context
def command(
    context: click.Context,
    output: Path,
    place: processes.Place,
    **settings: Any,
) -> None:
    """Train a detector in two phases and write its bundle."""
    ways = {name: settings.pop(name) for name in ("resume", "overwrite", "tensorboard", "export")}
    chosen = Settings(**settings)
    processes.require_possible(place, chosen)
    if place.number is None:
        context.exit(launch(again, context.meta[ARGUMENTS], place.processes))
    with processes.joined(place) as shard:
        train(chosen, output, shard=shard, **ways)


def again(arguments: list[str]) -> None:
    """Run the command as one of several processes."""
    command(arguments, prog_name="deepfake train")


if __name__ == "__main__":
    command()
