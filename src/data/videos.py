"""Find the videos of a data set with class, split and group."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from src import InputError
from src.data import folders, layout, listing
from src.data.names import SPLITS, meaning
from src.data.splits import ImageFile, Sample, assign
from src.data.video_names import representatives

_SUFFIXES = "mp4 avi mov mkv webm m4v mpg mpeg wmv"
EXTENSIONS = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
# The two halves of a FaceForensics++ tree, by label.
_FACEFORENSICS = ("original_sequences", "manipulated_sequences")
_SPLIT_FILES = {"train": "train.json", "validation": "val.json", "test": "test.json"}
# "000", "000_003" (the face of 003 put into 000), "01__kitchen_pan", "01_02__kitchen_pan__AB12"
_NUMBERED = re.compile(r"(\d{3})(?:_(\d{3}))?$|(\d{2})(?:_(\d{2}))?__")
_NAMED = re.compile(r"(?<![A-Za-z0-9])id\d+")  # Celeb-DF: "id0_0001", "id0_id16_0001"


@dataclass(frozen=True)
class Video:
    """One video of a data set."""

    path: Path
    # Where its frames belong in a data folder: split (where one is known), class, sub-folders and
    # the file's name without suffix, with forward slashes.
    name: str
    label: int  # 1 fake, 0 real
    group: str  # what must stay in one split with it, such as the videos of the same persons


def scan(root: Path | str, compression: str | None = None) -> list[Video]:
    """List the videos of a FaceForensics++ tree or of a tree of `real` and `fake` folders.

    In a FaceForensics++ tree the method (`Deepfakes`, ...) becomes the sub-folder of the class,
    and the official split files (`train.json`, `val.json` and `test.json`: lists of pairs of
    source ids) are followed where they lie in the root or in `splits` there; videos that they do
    not name are left out.

    Args:
        compression: `raw`, `c23` or `c40`, where a FaceForensics++ tree holds several.

    Returns:
        The videos, sorted by name. Those that share a source video or a person, as far as their
        names tell, have one group.

    Raises:
        InputError: there are no videos, or the tree is not understood.
    """
    root = listing.existing(root)
    if any((root / half).is_dir() for half in _FACEFORENSICS):
        found = _faceforensics(root, compression)
    else:
        found = _class_tree(root)
    if not found:
        raise InputError(
            f"{root}: there are no videos; expected {'/, '.join(_FACEFORENSICS)}/ as "
            f"FaceForensics++ has them, or real/ and fake/ folders, with files that end in "
            f"{', '.join(sorted(EXTENSIONS))}"
        )
    return sorted(_grouped(found), key=lambda video: video.name)


def samples(data_dirs: Sequence[Path | str], *, seed: int = 0) -> list[Sample]:
    """List the videos of data folders as `folders.scan` lists images; a video is one sample.

    Args:
        data_dirs: folders as `scan` reads them.
        seed: of the split where the folders have none. It is the one that `folders.scan` gives to
            the crops that `deepfake faces --videos` makes of the same folder.
    """
    roots = [listing.existing(folder) for folder in data_dirs]
    return [
        sample
        for root, source in zip(roots, folders.source_names(roots), strict=True)
        for sample in _samples(root, source, seed)
    ]


def _samples(root: Path, source: str, seed: int) -> list[Sample]:
    found = scan(root)
    files = []
    for video in found:
        parts = video.name.split("/")
        said = [meaning(part) for part in parts[:2]]
        start = next(i for i, one in enumerate(said) if one.label is not None) + 1
        split = next((one.split for one in said if one.split), None)
        files.append(ImageFile(video.name, "/".join(parts[start:]), video.label, split))
    groups = {video.name: video.group for video in found}
    split_of = assign(root, files, groups, seed)
    return [
        Sample(
            video.path,
            video.label,
            split_of[video.name],
            "/".join([source, *file.inner.split("/")[:-1][:1]]),
            f"{source}/{video.group}",
        )
        for video, file in zip(found, files, strict=True)
    ]


def hold(folder: Path | str) -> bool:
    """Tell whether there are videos in a folder, at any depth, and no images."""
    folder = listing.existing(folder)
    return bool(listing.files(folder, EXTENSIONS)) and not listing.image_files(folder)


def _class_tree(root: Path) -> list[Video]:
    start = layout.root(root)
    return [
        _video(folder.path / inner, (folder.path / inner).relative_to(start), folder.label)
        for folder in layout.class_folders(start)
        for inner in listing.files(folder.path, EXTENSIONS)
    ]


def _video(path: Path, name: Path, label: int) -> Video:
    return Video(path, name.with_suffix("").as_posix(), label, "")


def _faceforensics(root: Path, compression: str | None) -> list[Video]:
    found, seen = [], set()
    for label, half in enumerate(_FACEFORENSICS):
        for folder in sorted((root / half).glob("*/*/videos")):
            method, level = folder.parts[-3:-1]
            if compression in (None, level):
                seen.add(level)
                place = Path(folders.CLASSES[label], method)
                found += [
                    _video(folder / inner, place / inner, label)
                    for inner in listing.files(folder, EXTENSIONS)
                ]
    if len(seen) > 1:
        raise InputError(f"{root}: choose one --compression out of {', '.join(sorted(seen))}")
    splits = _official_splits(root)
    if not splits:
        return found
    return [
        replace(video, name=f"{splits[_ids(video)]}/{video.name}")
        for video in found
        if _ids(video) in splits
    ]


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


def _ids(video: Video) -> tuple[str, ...]:
    """Return the ids of the source videos, or of the person filmed, that a file's name gives.

    In Celeb-DF that is not the person who lends the face: see `video_names.groups`.
    """
    numbered = _NUMBERED.match(video.path.stem)
    if numbered:
        return tuple(filter(None, numbered.groups()))
    return tuple(_NAMED.findall(video.path.stem)[:1])


def _grouped(videos: Sequence[Video]) -> Iterator[Video]:
    """Give videos that are connected through shared ids one group, named after the first id."""
    keys = [_ids(video) or (video.name,) for video in videos]
    representative = representatives(keys)
    for video, ids in zip(videos, keys, strict=True):
        yield replace(video, group=representative[ids[0]])
