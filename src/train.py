"""Train a detector: audit, load, build, warm up, unfreeze, fine-tune, calibrate, save, export.

With a temporal head, that is the second step: once the frame network is trained, it is frozen and
the head learns from its features of the frames of whole clips.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import closing
from dataclasses import asdict, dataclass, replace
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
from src.detector.framing import Framing, training_share
from src.detector.location import DEFAULT
from src.evaluation import tracks
from src.export import export as export_bundle
from src.faces import cut_videos
from src.files import atomic_folder, refuse_existing, require_named
from src.options import FOLDER, PATH
from src.training import familiarity, precision, processes, record, weights
from src.training.launching import launch
from src.training.settings import SCRATCH, TWO_PHASE, Settings, options
from src.training.state import CONFIG, RunState

if TYPE_CHECKING:
    import keras

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
    require_named(output)
    record.require_tensorboard(tensorboard)
    backbone = weights.backbone_for(settings.weights, settings.backbone)
    settings = replace(settings, backbone=backbone)
    partial = output.with_name(output.name + ".partial")
    # Whoever began the run that is resumed was allowed to write there, and may have done so.
    replaces = overwrite or (resume and (partial / CONFIG).is_file())
    shard.from_first(lambda: refuse_existing(output, replaces))
    # What is missing is told before the audit; `auto` goes on without any.
    if settings.weights != "auto":
        shard.from_first(lambda: weights.initial_weights(settings.weights, backbone))
    state = RunState.open(
        partial, asdict(settings), resume=resume, overwrite=overwrite, shard=shard
    )
    prepared = shard.from_first(lambda: _prepare(settings, partial))
    framing = Framing.in_training(prepared.share)
    data = _load(prepared, framing, state)
    with closing(data.cache):
        run = _fit(prepared.settings, data, state, tensorboard)
        if not shard.first:
            return output
        _save(run, output, prepared.audited, framing, replaces)
    record.report(run, output)
    if export:
        _export(output, prepared.settings)
    shutil.rmtree(partial)
    return output


@dataclass(frozen=True)
class Prepared:
    """What is settled before the first image is decoded."""

    settings: Settings  # of the run, with the folders that images are read from
    audited: Audit
    samples: list[Sample]  # the images to learn, choose and calibrate from
    share: float | None  # of the frame that the face fills; None takes images whole


def _prepare(settings: Settings, folder: Path) -> Prepared:
    """Cut videos into frames, audit the data, divide the images and measure the framing."""
    count = FRAMES_A_CLIP * settings.clip_frames
    folders = cut_videos(settings.data_dirs, folder / "frames", frames=count)
    settings = replace(settings, data_dirs=folders)
    # Of all splits; the images of the test split are only compared with the others.
    audited = audit(
        folders,
        max_shortcut_auc=settings.max_shortcut_auc,
        equalize=settings.equalize,
        image_size=settings.encoded_size,
        remembered=True,
        **settings.sampling,
    )
    require_fit(audited, allow_shortcut=settings.allow_shortcut)
    splits = "train", "validation"
    found = dataset.find(folders, splits, self_blend=settings.self_blend, **settings.sampling)
    if settings.temporal is not None and len({(s.split, s.label) for s in found}) < 4:
        raise InputError(
            f"--temporal {settings.temporal} needs fakes in the train and the validation split: "
            "the self-blends of --self-blend are stills, made anew in every epoch"
        )
    samples = _divided(settings, found)
    paths = [sample.path for sample in samples if sample.split == "train"]
    share = training_share(paths, settings.faces, settings.framing, settings.seed)
    return Prepared(settings, audited, samples, share)


def _divided(settings: Settings, samples: list[Sample]) -> list[Sample]:
    """Set a part of the validation images apart, by which nothing is chosen."""
    divided = set_apart(
        samples,
        max_false_fake=settings.max_false_fake,
        max_false_real=settings.max_false_real,
        seed=settings.seed,
    )
    if not any(sample.split == CALIBRATION for sample in divided):
        log.warning(
            "the validation images are too few, or of one class, to set some apart for "
            "calibration: the detector will promise nothing until `deepfake calibrate`"
        )
    return divided


def _load(prepared: Prepared, framing: Framing, state: RunState) -> dataset.Dataset:
    """Decode the images, framed alike."""
    settings = prepared.settings
    return dataset.load(
        prepared.samples,
        settings.image_size,
        state.path,
        equalized(framing.load, settings.encoded_size) if settings.equalize else framing.load,
        self_blend=settings.self_blend,
        shard=state.shard,
    )


def _fit(
    settings: Settings, data: dataset.Dataset, state: RunState, tensorboard: Path | None
) -> Run:
    """Build the network from its first weights, and fit it phase by phase."""
    # Keras takes seconds to load: a wrong folder has been told by now.
    from src.training.phases import Run, plan

    start, initial = weights.agreed(settings.weights, settings.backbone, state.shard)
    # After that: where weights are downloaded, Keras builds a network, and draws for it.
    precision.seed_everything(settings.seed, deterministic=settings.deterministic)
    state.require_start(initial)
    schedule = settings.schedule or (TWO_PHASE if start else SCRATCH)
    settings.require_possible(schedule)
    compute = state.shard.from_first(lambda: precision.choose(settings.precision))
    log.info("%s schedule from %s weights in %s", schedule, initial["kind"], compute)
    with processes.data_parallel(state.shard):
        with precision.computing_in(compute):
            model = _build(settings, start)
            if settings.crops:
                model = network.of_any_size(model, [side for side, _ in settings.crops])
        decided = {"schedule": schedule, "precision": compute}
        run = Run(settings, data, model, state, decided, tensorboard)
        run.begin(loaded=start is not None)
        for phase in plan(settings, schedule):
            if phase.name not in state.finished:
                run.fit(phase)
    return run


def _build(settings: Settings, start: Path | None) -> keras.Model:
    return network.build(
        settings.backbone,
        image_size=settings.image_size,
        dropout=settings.dropout,
        weights=start,
    )


def _save(run: Run, output: Path, audited: Audit, framing: Framing, overwrite: bool) -> None:
    """Write the bundle with the weights of the best epoch, in float32 or rounded to float16."""
    from src.report import plots

    # A network of its own, so that neither a half-precision policy nor frozen layers are saved.
    model = _build(run.settings, None)
    replace(run, model=model).load_best()
    if run.settings.half_weights:
        halves.round_kernels(model)
    card = record.card(output.name, run, model, audited, framing)
    with atomic_folder(output, overwrite=overwrite) as folder:
        learnt = familiarity.of_run(run, model, framing)
        card, head = replace(card, familiarity=learnt.write(folder)), None
        if run.settings.temporal is not None:
            from src.training import temporal

            trained = temporal.learn(run, model)
            trained.write(folder)
            card, head = replace(card, temporal=trained.facts), trained.head
        detector = Detector.in_keras(
            card, network.probability(model), familiarity=learnt.familiarity, head=lambda: head
        )
        card = replace(card, **_calibrated(run, detector))
        bundle.save(folder, detector.model, card)
        record.write(folder, run, card)
        plots.save(plots.training_curves(run.state.history), folder / "curves.png")


def _calibrated(run: Run, detector: Detector) -> dict[str, Any]:
    """Calibrate on the images that were set apart, and on their videos; the card's entries.

    Where that cannot be done, such as without a face in any of them, it is no reason to lose what
    was learnt.
    """
    apart, options = list(run.dataset.readable(CALIBRATION).values()), run.settings.calibrating
    entries: dict[str, Any] = {}
    if apart:
        try:
            found = calibrate_on(apart, detector, **options)
        except (InputError, CheckFailed) as error:
            log.warning("the detector promises nothing until `deepfake calibrate`: %s", error)
        else:
            entries["calibration"] = found.to_dict()
            for sentence in sentences(found):
                log.info("%s", sentence)
    if run.settings.temporal is not None:
        try:
            entries["tracks"] = tracks.calibrate(apart, detector, **options).to_dict()
        except (InputError, CheckFailed) as error:
            log.warning("not calibrated on video: %s", error)
    return entries


def _export(output: Path, settings: Settings) -> None:
    """Export to OpenVINO, in eight bits too where that can be done; the bundle stands without."""
    try:
        outcomes = export_bundle(output, "openvino", settings.data_dirs, seed=settings.seed)
    except (InputError, CheckFailed) as error:
        log.warning("not exported: %s", error)
        return
    for outcome in outcomes:
        log.info("%s", outcome.sentence())


@click.command(cls=Verb)
@options
@click.option("--output", type=PATH, default=DEFAULT, help="The bundle.")
@click.option("--tensorboard", type=FOLDER, help="Folder for its log.")
@click.option("--export/--no-export", default=True, help="Export to OpenVINO at the end.")
@click.option("--resume", is_flag=True, help="Continue an unfinished run.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle or an unfinished run.")
@processes.options
@click.pass_context
def command(context: click.Context, output: Path, **settings: Any) -> None:
    """Train a detector in two phases and write its bundle."""
    ways = {name: settings.pop(name) for name in ("resume", "overwrite", "tensorboard", "export")}
    place = processes.chosen(*map(settings.pop, ("processes", "process", "coordinator")))
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
