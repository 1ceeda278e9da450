"""How fast videos are judged, and how far the frames that are looked at stand for all of them.

    python -m benchmarks.video --model models/detector
    python -m benchmarks.video --model models/detector --video CLIP.mp4

The plain way gets the same frames, and the same faces found in them by our finder: it only scores
them and draws their heatmaps, with `model.predict` and a gradient tape in float32, a frame at a
time or in batches. Both ran by turns in one process. From end to end means a process of its own,
from its start to the last file written. Memory is the most that such a process takes, for ten
minutes of film against one. Without videos a drawn person is filmed: 10 s of 720p.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.inference import BATCH, by_turns, plain_grad_cam, ratio
from dataset.portrait import Person, Pose, draw_backdrop, draw_portrait
from src import InputError, processor
from src.cli import Verb
from src.data import footage, pixels, sampling
from src.detector import load
from src.detector.detector import Detector
from src.detector.location import DEFAULT
from src.detector.watching import Frame, watch
from src.video import PER_SECOND, judge

PARTS = ("plain", "sampling", "end-to-end", "memory")
SECONDS, RATE, WIDTH, HEIGHT, FACE = 10, 25, 1280, 720, 420
# Faces that the gradient tape takes at once, because it keeps every activation in memory.
TAPED = 8
# How many frames are looked at for each second.
RATES = (0.5, 1.0, PER_SECOND, 5.0)


def draw(path: Path, seed: int, seconds: int = SECONDS) -> Path:
    """Film a drawn person who walks through the picture, with the grain of a sensor."""
    import cv2

    rng = np.random.default_rng(seed)
    pose = Pose(x=0.5, y=0.5, width=0.5, tilt=0.05, turn=0.05, smile=0.5, light=(0.3, -0.4))
    person = draw_portrait(Person.draw_lots(rng), pose, draw_backdrop(rng, FACE))
    wall = cv2.resize(draw_backdrop(rng, HEIGHT), (WIDTH, HEIGHT))
    span = WIDTH - FACE - 100
    file = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), RATE, (WIDTH, HEIGHT)
    )
    for number in range(seconds * RATE):
        # To and fro, however long the film is.
        left = 100 + span - abs(3 * number % (2 * span) - span)
        top = 140 + round(40 * np.sin(number / 20))
        frame = wall.copy()
        frame[top : top + FACE, left : left + FACE] = person
        grainy = frame + rng.normal(0, 3, (HEIGHT, WIDTH, 1))
        file.write(np.ascontiguousarray(grainy.clip(0, 255).astype(np.uint8)[..., ::-1]))
    file.release()
    return path


def frames_of(path: Path) -> list[Frame]:
    """Return the frames that are looked at by default."""
    found = footage.survey(path)
    chosen = sampling.choose(found, max(1, round(found.duration * PER_SECOND)))
    return [Frame(float(found.times[n]), image) for n, image in footage.read(path, chosen)]


def plain(detector: Detector, videos: Sequence[Path], runs: int) -> list[str]:
    """Compare with plain Keras at the same frames."""
    import tensorflow as tf

    model, card = detector.model, detector.card
    grad_cam = plain_grad_cam(model, card.evidence_layer)
    frames = [frame for path in videos for frame in frames_of(path)]
    framing = detector.framing()

    def faces(frame: Frame) -> Iterator[np.ndarray]:
        for view in framing.views(frame.image):
            yield pixels.resize(view.cut(frame.image), card.image_size)

    def one_by_one() -> None:
        for frame in frames:
            for face in faces(frame):
                image = face[None].astype(np.float32)
                model.predict(image, verbose=0)
                grad_cam(tf.constant(image)).numpy()

    def at_once() -> None:
        found = np.stack([face for frame in frames for face in faces(frame)])
        model.predict(found, batch_size=BATCH, verbose=0)
        for start in range(0, len(found), TAPED):
            grad_cam(tf.constant(found[start : start + TAPED].astype(np.float32))).numpy()

    calls: dict[str, Callable[[], Any]] = {
        "a frame at a time": one_by_one,
        f"in batches of {BATCH}": at_once,
        "ours": partial(watch, detector, frames),
    }
    taken = by_turns(calls, runs)
    lines = [
        f"| {len(frames)} frames, faces found, scored, with heatmaps: ours in "
        f"{detector.engine.name} {detector.engine.precision} | times faster than |",
        "|---|---|",
    ]
    return lines + [
        f"| plain Keras, {name} | {ratio(taken[name], taken['ours']):.1f} |"
        for name in calls
        if name != "ours"
    ]


def deviation(detector: Detector, videos: Sequence[Path]) -> list[str]:
    """Tell how far the answer from some frames is from that of all."""
    lines = [
        "| frames looked at | frames | persons | p_fake differs from all frames' by, most "
        "| verdicts that differ |",
        "|---|---|---|---|---|",
    ]
    whole = [judge(path, detector, frames=sys.maxsize) for path in videos]
    for way in sampling.WAYS:
        for rate in RATES:
            some = [judge(path, detector, sample=way, per_second=rate) for path in videos]
            pairs = list(zip(some, whole, strict=True))
            apart = [
                abs(one.p_fake - other.p_fake)
                for clip, known in pairs
                if len(clip.tracks) == len(known.tracks)
                for one, other in zip(clip.tracks, known.tracks, strict=True)
            ]
            lines.append(
                f"| {rate:g} a second, {way} | {sum(clip.sampled for clip in some)} of "
                f"{sum(clip.sampled for clip in whole)} | {sum(len(c.tracks) for c in some)} of "
                f"{sum(len(c.tracks) for c in whole)} | {max(apart, default=float('nan')):.3f} | "
                f"{sum(clip.verdict != known.verdict for clip, known in pairs)} of {len(pairs)} |"
            )
    return lines


def end_to_end(model: Path, videos: Sequence[Path], runs: int) -> list[str]:
    """Tell how long a process takes from its start to the last file, against the video's length."""
    seconds = sum(footage.survey(path).duration for path in videos)
    lines = [f"| {seconds:.1f} s of video, from end to end | times real time |", "|---|---|"]
    for name, more in (("annotated videos too", []), ("without them", ["--no-annotate"])):
        taken = []
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as output:
                start = time.perf_counter()
                for path in videos:
                    run(model, path, output, *more)
                taken.append(time.perf_counter() - start)
        lines.append(f"| {name} | {float(np.median(taken)) / seconds:.2f} |")
    return lines


def run(model: Path, video: Path, output: str, *options: str) -> int:
    """Judge a video in a process of its own, and return the most memory that it took, in KiB."""
    command = [sys.executable, "-m", "src.video", str(video), "--output", output]
    command += ["--model", str(model), "--overwrite", *options]
    # Not `subprocess.run`: what it tells of memory is the most of all processes so far.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise InputError(said.strip())
    return used.ru_maxrss


def memory(model: Path, seed: int) -> list[str]:
    """Tell how much more memory ten minutes of film take than one."""
    lines = ["| length of the film | most memory in MiB |", "|---|---|"]
    taken = {}
    with tempfile.TemporaryDirectory() as scratch:
        for minutes in (1, 10):
            film = draw(Path(scratch) / f"{minutes}.mp4", seed, 60 * minutes)
            taken[minutes] = run(model, film, scratch, "--no-annotate")
            lines.append(f"| {minutes} min | {taken[minutes] / 1024:.0f} |")
    return [*lines, f"| times | {taken[10] / taken[1]:.2f} |"]


@click.command(cls=Verb)
@click.option("--model", type=click.Path(path_type=Path), default=DEFAULT, help="Bundle.")
@click.option("--video", "videos", multiple=True, type=click.Path(path_type=Path), help="Judged.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Some of the tables.")
@click.option("--runs", type=click.IntRange(1), default=5, help="How often all is timed.")
@click.option("--seed", type=click.IntRange(0), default=1)
def command(
    model: Path, videos: tuple[Path, ...], only: tuple[str, ...], runs: int, seed: int
) -> None:
    """Print tables about videos."""
    click.echo(f"{processor.describe()}\n")
    with tempfile.TemporaryDirectory() as scratch:
        paths = list(videos) or [draw(Path(scratch) / "drawn.mp4", seed)]
        detector = load(model)
        parts: dict[str, Callable[[], list[str]]] = {
            "plain": partial(plain, detector, paths, runs),
            "sampling": partial(deviation, detector, paths),
            "end-to-end": partial(end_to_end, model, paths, runs),
            "memory": partial(memory, model, seed),
        }
        for name, measure in parts.items():
            if not only or name in only:
                click.echo("\n".join(measure()) + "\n")


if __name__ == "__main__":
    command()
