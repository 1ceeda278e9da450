"""Which images come from one video or person, where the names of the files say so."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from src.data.splits import ImageFile

# A frame of FaceForensics++: 000_0042 of video 000; 000_003_0042 of the fake that puts the face of
# video 003 into video 000, also without a frame's number.
_ORIGINAL = re.compile(r"(\d{3})(?:_\d+)?")
_SWAP = re.compile(r"(\d{3})_(\d{3})(?:_\d+)?")
# A frame of Celeb-DF: video 0001 of person id0; the same with the face of id1; a video of nobody
# in particular.
_PERSON = re.compile(r"(id\d+)(?:_id\d+)?_\d{4}_\d+")
_STRANGER = re.compile(r"(\d{5})_\d+")
# A frame in a folder that is called after its video.
_NUMBER = re.compile(r"(?:frame[_-]?)?(\d+)", re.IGNORECASE)
_VIDEO = re.compile(r"\d{3}(?:_\d{3})?|id\d+(?:_id\d+)?_\d{4}|\d{5}")
# The word that makes a frame of a number, whatever its folder is called.
_FRAME = re.compile(r"frame[_-]?\d+", re.IGNORECASE)


def groups(files: Sequence[ImageFile]) -> dict[str, str]:
    """Read groups from file names, where all of a data folder is named after one known pattern.

    Plain numbers are no videos: a pattern counts only where every file follows it and the fakes
    name the videos of real files (FaceForensics++), or the word `id` is there (Celeb-DF). Frames in
    a folder of their own, 000_003/0042, count as 000_003_0042; and where every file is called
    frame_0042 and lies in a sub-folder, each of these is a video.

    In FaceForensics++ both videos of a swap, and all that share one with them, are one group. In
    Celeb-DF everyone is swapped with everyone: joining both would make one group of the whole set,
    so the person counts whose video it is.

    Returns:
        The group of each image by `ImageFile.name`; empty where the names say nothing.
    """
    return _faceforensics(files) or _celeb_df(files) or _folders(files)


def _faceforensics(files: Sequence[ImageFile]) -> dict[str, str]:
    videos: dict[str, tuple[str, ...]] = {}
    for file in files:
        match = (_SWAP if file.label else _ORIGINAL).fullmatch(_stem(file))
        if match is None:
            return {}
        videos[file.name] = match.groups()
    real = {videos[file.name][0] for file in files if not file.label}
    targets = {videos[file.name][0] for file in files if file.label}
    if not targets or not real or 2 * len(targets & real) < min(len(targets), len(real)):
        return {}
    representative = representatives(videos.values())
    return {name: f"video {representative[ids[0]]}" for name, ids in videos.items()}


def representatives(together: Iterable[Sequence[str]]) -> dict[str, str]:
    """Return for each id the smallest of all ids that hang together with it.

    Args:
        together: ids that belong together, such as both videos of a swap; any number of times.
    """
    from scipy.cluster.hierarchy import DisjointSet

    joined = DisjointSet()
    for first, *others in together:
        joined.add(first)
        for other in others:
            joined.add(other)
            joined.merge(first, other)
    return {item: min(subset) for subset in joined.subsets() for item in subset}


def _celeb_df(files: Sequence[ImageFile]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        person = _PERSON.fullmatch(_stem(file))
        match = person or (None if file.label else _STRANGER.fullmatch(_stem(file)))
        if match is None:
            return {}
        found[file.name] = f"person {match[1]}" if person else f"video {match[1]}"
    named = any(group.startswith("person") for group in found.values())
    return found if named else {}


def _folders(files: Sequence[ImageFile]) -> dict[str, str]:
    """Take every sub-folder of frames for a video, the same one in both classes of a split."""
    if not all("/" in file.inner and _FRAME.fullmatch(_plain(file)) for file in files):
        return {}
    return {file.name: f"video {file.split} {file.inner.rpartition('/')[0]}" for file in files}


def _stem(file: ImageFile) -> str:
    plain, folder = _plain(file), PurePosixPath(file.inner).parent.name
    frame = _NUMBER.fullmatch(plain)
    return f"{folder}_{frame[1]}" if frame and _VIDEO.fullmatch(folder) else plain


def _plain(file: ImageFile) -> str:
    return PurePosixPath(file.inner).stem
