"""Crop a set of images, or a tree of videos, to faces."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from src import InputError, options, processor, progress
from src.cli import Verb
from src.data import faces, folders, footage, layout, pixels, tracks, videos
from src.data.crops import FORMATS, write_crop
from src.data.faces import Finder
from src.files import atomic_folder, refuse_existing, require_apart, write_table

CHOICES = ("largest", "all")
NO_FACE = "no face was found"


@dataclass(frozen=True)
class Style:
    """How crops are cut and written."""

    # `largest` or `all` faces of an image; of a video, the main person or all of them.
    choice: str = "largest"
    framing: float = 0.7  # the share of the crop's width that the face fills, in (0, 1]
    size: int = 0  # side of every crop in pixels; 0 keeps the pixels of the original
    # `jpeg` (without chroma subsampling) or `png`. All crops are written alike, so that the file
    # does not give the class away.
    file_format: str = "jpeg"

    def __post_init__(self) -> None:
        """Check what was given, before anything is read.

        Raises:
            InputError: there is no such choice, framing or format.
        """
        faces.require_framing(self.framing)
        chosen = {"faces": (self.choice, CHOICES), "format": (self.file_format, FORMATS)}
        for name, (given, known) in chosen.items():
            if given not in known:
                raise InputError(f"{name}: expected one of {', '.join(known)}, got {given!r}")


@dataclass(frozen=True)
class Cropped:
    """What became of a set."""

    output: str
    files: int  # images or videos of the input
    crops: int
    no_face: int  # files in which no face was found
    unreadable: int  # files that could not be read


@dataclass(frozen=True)
class _Job:
    """One file of the input, and the name of its crops below the output, without suffix."""

    path: Path
    name: str
    group: str | None


# Reads a file and yields its crops, each with its name.
_Cut = Callable[[_Job], Iterator[tuple[str, np.ndarray]]]


def crop_set(
    data_dir: Path, output: Path, finder: Finder, style: Style | None = None, *,
    overwrite: bool = False,
) -> Cropped:  # fmt: skip
    """Crop every image of a data folder to its faces.

    Split, class and sub-folders stay as they are. `groups.csv` in the output keeps the groups of
    the input together (from its `groups.csv` or `pairs.csv`), and the faces of one image;
    `no_face.csv` lists what gave no crop.

    Args:
        data_dir: a folder as `folders.scan` reads it; nothing is written there.

    Raises:
        InputError: the folders cannot be used, or no image has a face.
    """
    style = style or Style()
    refuse_existing(output, overwrite)
    require_apart(data_dir, output)
    root = layout.root(data_dir)
    samples = folders.scan([data_dir])
    names = [sample.path.relative_to(root).as_posix() for sample in samples]
    members = Counter(sample.group for sample in samples)
    jobs = []
    for sample, name, plain in zip(samples, names, _plain_names(names), strict=True):
        # An image of which nothing is known is a group of its own without being listed.
        unknown = members[sample.group] == 1 and sample.group.endswith(f"/{name}")
        alone = unknown and style.choice == "largest"
        jobs.append(_Job(sample.path, plain, None if alone else sample.group))

    def cut(job: _Job) -> Iterator[tuple[str, np.ndarray]]:
        image = pixels.read(job.path)
        found, one = finder.find(image), style.choice == "largest"
        for number, face in enumerate(found[:1] if one else found):
            name = job.name if one else f"{job.name}_face{number}"
            yield name, faces.crop(image, face, style.framing)

    return _crop(jobs, cut, data_dir, output, style, overwrite)


def crop_videos(
    root: Path, output: Path, finder: Finder, style: Style | None = None, *,
    frames: int = 10, compression: str | None = None, overwrite: bool = False,
) -> Cropped:  # fmt: skip
    """Crop frames of videos to the persons in them.

    The crops are named after the video, the frame and the person, and `groups.csv` keeps videos
    together that share a source video or a person.

    Args:
        root: a tree as `videos.scan` reads it; nothing is written there.
        frames: frames a video, evenly spread.
        compression: which one, where a FaceForensics++ tree holds several.

    Raises:
        InputError: the folders cannot be used, or no video has a face.
    """
    style = style or Style()
    refuse_existing(output, overwrite)
    require_apart(root, output)
    found = videos.scan(root, compression)
    plain = _plain_names([video.name + video.path.suffix for video in found])
    jobs = [_Job(video.path, name, video.group) for video, name in zip(found, plain, strict=True)]

    def cut(job: _Job) -> Iterator[tuple[str, np.ndarray]]:
        seen = list(footage.frames(job.path, frames))
        persons = tracks.link([finder.find(image) for _, image in seen])
        chosen: Iterable[int] = range(len(persons))
        if persons and style.choice == "largest":
            chosen = [tracks.main_track(persons)]
        for person in chosen:
            for position, face in persons[person].items():
                number, image = seen[position]
                crop = faces.crop(image, face, style.framing)
                yield f"{job.name}_{number:05}_person{person}", crop

    return _crop(jobs, cut, root, output, style, overwrite)


def cut_videos(data_dirs: Sequence[str], folder: Path, *, frames: int) -> tuple[str, ...]:
    """Crop frames of those data folders that hold videos, once, and leave the others as they are.

    Args:
        data_dirs: the data folders.
        folder: where the crops go; those that are there already are taken up.
        frames: of a video.

    Returns:
        The data folders, with those of the crops in place of the ones with videos.
    """
    found = []
    for number, name in enumerate(data_dirs):
        if videos.hold(name):
            target = folder / str(number) / Path(name).resolve().name
            if not target.exists():
                crop_videos(Path(name), target, Finder.from_package(), frames=frames)
            name = str(target)
        found.append(name)
    return tuple(found)


def _plain_names(names: Sequence[str]) -> list[str]:
    """Return names without suffix, where that does not make two the same.

    A whole name is not taken by a shortened one either: beside a.png and a.jpg, a.jpg.png stays.
    """
    plain = [name.rpartition(".")[0] for name in names]
    count = Counter(name.lower() for name in (*plain, *names))
    return [
        short if count[short.lower()] == 1 else name
        for name, short in zip(names, plain, strict=True)
    ]


def _crop(
    jobs: Sequence[_Job], cut: _Cut, source: Path, output: Path, style: Style, overwrite: bool
) -> Cropped:
    """Do the work for every file on all cores and write the folder, whole or not at all."""
    without, groups = [], []
    crops = 0
    with (
        atomic_folder(output, overwrite=overwrite) as folder,
        ThreadPoolExecutor(processor.threads()) as pool,
        progress.bar("Cropping", len(jobs)) as advance,
    ):
        outcomes = pool.map(lambda job: _write(job, cut, folder, style), jobs)
        for job, (written, problem) in zip(jobs, outcomes, strict=True):
            crops += len(written)
            if job.group is not None:
                groups += [{"path": name, "group": job.group} for name in written]
            if not written:
                name = job.path.relative_to(source).as_posix()
                without.append({"path": name, "reason": problem or NO_FACE})
            advance()
        if not crops:
            first = "{path}: {reason}".format(**without[0])
            raise InputError(f"{source}: none of its {len(jobs)} files gave a face; {first}")
        write_table(folder / "groups.csv", groups, ["path", "group"])
        write_table(folder / "no_face.csv", without, ["path", "reason"])
    no_face = sum(row["reason"] == NO_FACE for row in without)
    return Cropped(str(output), len(jobs), crops, no_face, len(without) - no_face)


def _write(job: _Job, cut: _Cut, folder: Path, style: Style) -> tuple[list[str], str]:
    """Write the crops of one file; return their names and, if it is unreadable, why."""
    written: list[str] = []
    try:
        for plain, crop in cut(job):
            name = plain + FORMATS[style.file_format]
            write_crop(folder / name, pixels.resize(crop, style.size) if style.size else crop)
            written.append(name)
    except (pixels.ImageError, footage.VideoError) as error:
        return written, str(error)
    return written, ""


@click.command(cls=Verb)
@click.option("--data-dir", type=options.PATH, help="Images to crop.")
@click.option("--videos", "root", type=options.PATH, help="Videos to crop.")
@click.option("--output", type=options.PATH, required=True, help="New folder.")
@click.option("--faces", "choice", type=click.Choice(CHOICES), default="largest")
@click.option(
    "--framing", type=click.FloatRange(0, 1, min_open=True), default=0.7,
    help="Share of the width that a face fills.",
)  # fmt: skip
@click.option("--size", type=click.IntRange(0), default=0, help="Side in pixels; 0: as it is.")
@click.option("--format", "file_format", type=click.Choice(list(FORMATS)), default="jpeg")
@click.option("--frames", type=click.IntRange(1), default=10, help="Frames a video.")
@click.option("--compression", help="Of FaceForensics++, where there are several: c23, ...")
@options.overwrite("Replace an existing output.")
@options.as_json("One JSON object.")
def command(
    data_dir: Path | None, root: Path | None, output: Path, frames: int,
    compression: str | None, overwrite: bool, as_json: bool, **chosen: Any,
) -> None:  # fmt: skip
    """Crop a set of images, or a tree of videos, to faces."""
    if (data_dir is None) == (root is None):
        raise InputError("give either --data-dir with images or --videos with videos")
    if root is None:
        options.refuse_without("--videos", "frames", "compression")
    style = Style(**chosen)
    finder = Finder.from_package()
    if data_dir is not None:
        result = crop_set(data_dir, output, finder, style, overwrite=overwrite)
    else:
        assert root is not None
        result = crop_videos(
            root, output, finder, style,
            frames=frames, compression=compression, overwrite=overwrite,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(asdict(result)))
        return
    click.echo(f"{result.crops} crops of {result.files} files in {result.output}")
    if result.no_face or result.unreadable:
        click.echo(
            f"{result.no_face} without a face, {result.unreadable} unreadable: "
            f"{output / 'no_face.csv'}"
        )


if __name__ == "__main__":
    command()
