"""Judge the persons in a video over time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from src import InputError, options, progress
from src.cli import Verb
from src.data import footage, sampling
from src.data.sampling import PER_SECOND, Sampling
from src.detector import load, persons, verdict
from src.detector.clip import Clip
from src.detector.watching import frames_of, watch
from src.files import refuse_existing, sha256, write_text
from src.report import film, plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from src.detector.detector import Detector
    from src.detector.prediction import Output

# Told what is done and in how many steps, if that is known; gives what to call after each.
Told = Callable[[str, int | None], AbstractContextManager[Callable[[], None]]]
ON_STILLS = "calibrated on stills, not on video"
ON_VIDEO = "calibrated on video, one person of each, by their frames"
NOT_CALIBRATED = "not calibrated: no error rate is promised"


def judge(
    path: str | Path,
    detector: Detector,
    *,
    sample: str = "even",
    frames: int | None = None,
    per_second: float = PER_SECOND,
    faces: str = "auto",
    batch_size: int = 32,
    longest: float = math.inf,
    score: Callable[[np.ndarray], list[Output]] | None = None,
    told: Told = progress.bar,
) -> Clip:
    """Judge the persons in a video.

    It is decoded twice: once to learn when its frames are shown and where scenes begin, once to
    look at the frames that were chosen. Neither holds more than a few frames in memory.

    Args:
        sample: how frames are chosen, one of `sampling.WAYS`.
        frames: how many are looked at; None takes as many as `per_second` gives.
        per_second: frames looked at for each second.
        faces: which faces are judged, one of `framing.FACES`.
        longest: seconds that the video may last.
        score: scores faces in the detector's stead, as `Detector.outputs`; on threads.
        told: is told how far it is, as `progress.bar`. What the steps raise ends the judgement.

    Raises:
        VideoError: the file cannot be read as a video, or is longer than `longest`.
        InputError: `sample` or `faces` is unknown, or asks for what the detector has not.
    """
    path = Path(path)
    with told("Reading", footage.claimed(path) or None) as step:
        found = footage.survey(path, step, longest)
    sampled = Sampling(sample, frames, per_second)
    chosen = sampled.choose(found)
    # Closed at once where it ends early, since nobody knows when it would be otherwise.
    shown = closing(frames_of(path, found, chosen))
    with told("Judging", len(chosen)) as step, shown as images:
        seen = watch(detector, images, faces=faces, batch_size=batch_size, score=score, step=step)
    tracks, decided = persons.judge(
        seen, detector.calibration, detector.card.temperature, detector.tracks, detector.head
    )
    return Clip(
        path=str(path),
        sha256=sha256(path),
        verdict=decided.word,
        reasons=decided.reasons,
        calibration=_rests_on(detector, sampled),
        survey=found,
        looked=tuple(found.times[list(chosen)].tolist()),
        tracks=tuple(tracks),
    )


def _rests_on(detector: Detector, sampled: Sampling) -> str:
    if detector.card.tracks is None:
        return ON_STILLS if detector.calibration else NOT_CALIBRATED
    known = detector.card.tracks["sampled"]
    other = "" if known == str(sampled) else f", and these were sampled otherwise ({sampled})"
    return f"{ON_VIDEO} ({known}){other}"


def timeline(clip: Clip) -> Figure:
    """Draw p_fake of each person over time."""
    lines = [
        plots.Line(
            f"person {track.id}: {track.verdict}, p_fake {verdict.shown(track.p_fake)}",
            track.verdict,
            track.p_fake,
            [one.time for one in track.sightings],
            [one.p_fake for one in track.sightings],
            clip.stretches(track),
            [(one.start, one.end) for one in track.moments],
        )
        for track in clip.tracks
    ]
    return plots.timeline(lines, clip.survey.duration)


def annotate(clip: Clip, places: Sequence[Path], told: Told = progress.bar) -> None:
    """Write the video again with boxes, verdicts and heatmaps.

    Args:
        places: the files, see `film.write`.
        told: is told how far it is, as `progress.bar`.
    """
    found = clip.survey
    # All heatmaps are divided by the same number, so that they can be compared.
    heats = (track.heat(one).max() for track in clip.tracks for one in track.sightings)
    highest = max(heats, default=0.0) or 1.0

    def marks(time: float) -> Iterator[film.Mark]:
        for track, shown in clip.shown(time):
            text = f"{track.id}: {track.verdict} {verdict.shown(track.p_fake)}"
            answer = "fake" if track.p_fake >= 0.5 else "real"
            note = f"frame {verdict.shown(shown.p_fake)}, evidence for {answer}"
            heat = track.heat(shown) / highest
            yield film.Mark(shown.box, shown.region, heat, text, note, track.verdict)

    def painted(step: Callable[[], None]) -> Generator[tuple[float, np.ndarray], None, None]:
        for number, image in footage.read(Path(clip.path), range(len(found.times))):
            time = float(found.times[number])
            yield time, film.paint(image, list(marks(time)))
            step()

    rate = 1 / found.interval if found.interval else film.SLOWEST
    with told("Drawing", len(found.times)) as step, closing(painted(step)) as frames:
        film.write(places, frames, rate)


def places(path: Path, output: Path, annotated: bool = True, overwrite: bool = False) -> list[Path]:
    """Return the files that are written for a video, named after it.

    Raises:
        InputError: one of them exists and `overwrite` is false, or is the video itself; or
            `output` is no folder, or one that OpenCV cannot write to.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"--output {output}: a folder was expected, but this is a file")
    suffixes = (".json", ".png", *(film.CODECS if annotated else ()))
    found = [output / f"{path.stem}{suffix}" for suffix in suffixes]
    if annotated:
        footage.address(output)
    for place in found:
        if place.exists() and path.exists() and place.samefile(path):
            raise InputError(f"{place} is the video itself: give another --output")
        refuse_existing(place, overwrite)
    return found


@click.command(cls=Verb)
@click.argument("video", type=options.PATH)
@click.option("--output", type=options.PATH, required=True, help="Folder.")
@options.model
@click.option("--sample", type=click.Choice(sampling.WAYS), default="even", help="Frames, how.")
@click.option("--frames", type=click.IntRange(1), help="Frames looked at, in all.")
@click.option(
    "--per-second", type=click.FloatRange(0, min_open=True), default=PER_SECOND,
    help="Frames looked at for each second, without --frames.",
)  # fmt: skip
@options.faces
@options.batch_size
@options.engine
@options.precision
@click.option(
    "--no-annotate",
    is_flag=True,
    help="Leave the annotated videos out: most of the time goes into them.",
)
@options.overwrite("Replace existing files.")
@options.as_json("The same JSON on stdout.")
def command(
    video: Path, output: Path, model: str | None, engine: str, precision: str | None,
    no_annotate: bool, overwrite: bool, as_json: bool, **chosen: Any,
) -> None:  # fmt: skip
    """Judge the persons in a video over time.

    Writes NAME.json, NAME.png (p_fake over time) and, annotated and without sound, NAME.mp4 and
    NAME.webm (which browsers play) into --output.
    """
    said, drawn, *films = places(video, output, not no_annotate, overwrite)
    footage.claimed(video)
    detector = load(model, engine, precision)
    clip = judge(video, detector, **chosen)
    text = json.dumps(clip.to_dict())
    if films:
        annotate(clip, films)
    plots.save(timeline(clip), drawn)
    write_text(said, text + "\n")
    click.echo(text if as_json else "\n".join(_lines(clip)))
    if not clip.tracks:
        click.echo("no face was found in the frames that were looked at", err=True)
        return
    told = {*clip.reasons, *(reason for track in clip.tracks for reason in track.reasons)}
    for reason in sorted(told):
        click.echo(f"{reason}: {verdict.REASONS[reason]}", err=True)
    click.echo(clip.calibration, err=True)


def _lines(clip: Clip) -> Iterator[str]:
    """Return the table: the video, and a row a person."""
    reasons = "".join(f"  {reason}" for reason in clip.reasons)
    yield f"{clip.verdict:<13} {clip.path}, {clip.survey.duration:.1f} s{reasons}"
    for track in clip.tracks:
        first, last = track.sightings[0].time, track.sightings[-1].time
        carried = ", ".join(_span(one.start, one.end) for one in track.moments)
        yield (
            f"  {track.verdict:<11} {verdict.shown(track.p_fake)}  person {track.id}: "
            f"{_counted(len(track.sightings))}, {_span(first, last)}"
            + (f"; carried by {carried}" if carried else "")
        )


def _span(first: float, last: float) -> str:
    return "-".join(dict.fromkeys(f"{time:.1f}" for time in (first, last))) + " s"


def _counted(frames: int) -> str:
    return f"{frames} frame{'' if frames == 1 else 's'}"


if __name__ == "__main__":
    command()
