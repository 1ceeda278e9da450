"""Find the videos of a data set, as files or as frames, with class, split and group."""

import json
import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from src import InputError
from src.data import folders, groups, layout
from src.data.groups import NUMBER, representatives, source_ids
from src.data.layout import CLASSES, SPLITS, DataFile
from src.data.splits import Sample

log = logging.getLogger(__name__)

_SUFFIXES = "mp4 avi mov mkv webm m4v mpg mpeg wmv ts mts m2ts flv ogv"
EXTENSIONS = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
# The two halves of a FaceForensics++ tree, by label.
_FACEFORENSICS = ("original_sequences", "manipulated_sequences")
_SPLIT_FILES = {"train": "train.json", "validation": "val.json", "test": "test.json"}
# "000_003_0042", "clip-12" and, as `deepfake faces --videos` names them, "clip_00012_person0".
_FRAME = re.compile(r"(.+)[_-](\d+)(_person\d+)?")


@dataclass(frozen=True)
class Clip:
    """One person in one video."""

    # Positions of its frames among the images, in order of time; a video file alone.
    members: tuple[int, ...]
    sample: Sample  # the first of them, which has label, split, source and group of all


def scan(root: Path | str, compression: str | None = None) -> list[DataFile]:
    """List the videos of a FaceForensics++ tree or of a tree of `real` and `fake` folders.

    In a FaceForensics++ tree the method (`Deepfakes`, ...) becomes the sub-folder of the class,
    and the official split files (`train.json`, `val.json` and `test.json`: lists of pairs of
    source ids) are followed where they lie in the root or in `splits` there; videos that they do
    not name are left out.

    Args:
        compression: `raw`, `c23` or `c40`, where a FaceForensics++ tree holds several.

    Returns:
        The videos, sorted by name: where their frames belong in a data folder, without suffix.
        Those that share a source video or a person have one group, as `groups.csv` or `pairs.csv`
        say as they do for images, or else as far as their names tell.

    Raises:
        InputError: there are no videos, the tree is not understood, or a table names a file that
            is not there.
    """
    root = layout.existing(root)
    if any((root / half).is_dir() for half in _FACEFORENSICS):
        start, found = root, _faceforensics(root, compression)
    else:
        start = layout.root(root)
        found = list(layout.files(start, EXTENSIONS))
    if not found:
        raise InputError(
            f"{root}: there are no videos; expected {'/, '.join(_FACEFORENSICS)}/ as "
            f"FaceForensics++ has them, or real/ and fake/ folders, with files that end in "
            f"{', '.join(sorted(EXTENSIONS))}"
        )
    named = [
        replace(video, name=_bare(video.name), inner=_bare(video.inner), group=group)
        for video, group in zip(found, _groups(start, found), strict=True)
    ]
    return sorted(named, key=lambda video: video.name)


def _groups(start: Path, found: Sequence[DataFile]) -> list[str]:
    paths = [video.path.relative_to(start).as_posix() for video in found]
    files = [replace(video, name=path) for video, path in zip(found, paths, strict=True)]
    listed = groups.read(start, files)
    if listed is not None:
        return [listed.get(path) or _bare(v.name) for path, v in zip(paths, found, strict=True)]
    together = [source_ids(video.path.stem) or (_bare(video.name),) for video in found]
    first = representatives(together)
    return [first[ids[0]] for ids in together]


def samples(data_dirs: Sequence[Path | str], *, seed: int = 0) -> list[Sample]:
    """List the videos of data folders as `folders.scan` lists images; a video is one sample.

    Args:
        data_dirs: folders as `scan` reads them.
        seed: of the split where the folders have none. It is the one that `folders.scan` gives to
            the crops that `deepfake faces --videos` makes of the same folder.
    """
    roots = [layout.existing(folder) for folder in data_dirs]
    return [
        sample
        for root, source in zip(roots, folders.source_names(roots), strict=True)
        for sample in folders.samples(root, scan(root), source, seed)
    ]


def hold(folder: Path | str) -> bool:
    """Tell whether there are videos in a folder, at any depth, and no images.

    Where there are both, the images count, and a warning says that the videos do not.
    """
    folder = layout.existing(folder)
    found = layout.files_in(folder, EXTENSIONS)
    pictures = folders.images(folder) if found else []
    if pictures:
        log.warning(
            "%s: holds %d images, so its %d videos (such as %s) are left out; to use them, give "
            "them in a data folder of their own",
            *(folder, len(pictures), len(found), found[0]),
        )
    return bool(found) and not pictures


def clips(samples: Sequence[Sample]) -> list[Clip]:
    """Find the videos, and the images that are frames of one video.

    Frames stand in one folder, are of one class, split and group, and are called alike but for a
    number at the end. Plain numbers are frames where all of a folder is one group.

    Args:
        samples: images, of which those that are no frames are left out, or video files.

    Returns:
        The clips, in the order of their first frames; those of images have two frames or more.
    """
    together: dict[Path, set[str]] = defaultdict(set)
    for sample in samples:
        together[sample.path.parent].add(sample.group)
    found: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    films: list[Clip] = []
    for position, sample in enumerate(samples):
        stem, parent = sample.path.stem, sample.path.parent
        if sample.path.suffix.lower() in EXTENSIONS:
            films.append(Clip((position,), sample))
        elif frame := _FRAME.fullmatch(stem):
            key = frame[1], frame[3] or ""
            found[*_kind(sample), *key].append((int(frame[2]), position))
        elif (number := NUMBER.fullmatch(stem)) and len(together[parent]) == 1:
            found[*_kind(sample), "", ""].append((int(number[1]), position))
    many = [sorted(frames) for frames in found.values() if len(frames) > 1]
    clips = [Clip(tuple(p for _, p in frames), samples[frames[0][1]]) for frames in many]
    return sorted(films + clips, key=lambda clip: min(clip.members))


def _kind(sample: Sample) -> tuple[str, ...]:
    return str(sample.path.parent), str(sample.label), sample.split, sample.group


def singles(samples: Sequence[Sample]) -> list[Clip]:
    """Make of every image a clip of its own."""
    return [Clip((position,), sample) for position, sample in enumerate(samples)]


def _bare(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _faceforensics(root: Path, compression: str | None) -> list[DataFile]:
    halves = [sorted((root / half).glob("*/*/videos")) for half in _FACEFORENSICS]
    levels = {folder.parent.name for half in halves for folder in half}
    chosen = levels if compression is None else levels & {compression}
    if levels and len(chosen) != 1:
        raise InputError(f"{root}: choose one --compression out of {', '.join(sorted(levels))}")
    splits = _official_splits(root)
    found = []
    for label, half in enumerate(halves):
        for folder in half:
            method, level = folder.parts[-3:-1]
            if level not in chosen:
                continue
            for file in layout.files_in(folder, EXTENSIONS):
                inner, split = f"{method}/{file}", splits.get(source_ids(Path(file).stem))
                if split or not splits:
                    name = "/".join(filter(None, (split, CLASSES[label], inner)))
                    found.append(DataFile(folder / file, name, inner, label, split))
    return found


def _official_splits(root: Path) -> dict[tuple[str, ...], str]:
    """Read which split the videos with given source ids go to, if the split files are there."""
    splits: dict[tuple[str, ...], str] = {}
    for folder in (root, root / "splits"):
        present = [split for split in SPLITS if (folder / _SPLIT_FILES[split]).is_file()]
        for split in present:
            for one, other in _pairs(folder / _SPLIT_FILES[split]):
                for ids in ((one,), (other,), (one, other), (other, one)):
                    if splits.setdefault(ids, split) != split:
                        raise InputError(f"{folder}: {'_'.join(ids)} is in two split files")
        if present:
            break
    return splits


def _pairs(path: Path) -> list[tuple[str, str]]:
    try:
        pairs = json.loads(path.read_text(encoding="utf-8"))
        return [(str(one), str(other)) for one, other in pairs]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f'{path}: expected a list of pairs like ["000", "003"] ({error})'
        ) from error
