"""Which files of a data set belong together: a table says it, or the names of the files do."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from src import InputError
from src.data.layout import CLASSES, TABLES, DataFile, meaning

# A frame of FaceForensics++: 000_0042 of video 000; 000_003_0042 of the fake that puts the face of
# video 003 into video 000, also without a frame's number.
_ORIGINAL = re.compile(r"(\d{3})(?:_\d+)?")
_SWAP = re.compile(r"(\d{3})_(\d{3})(?:_\d+)?")
# A frame of Celeb-DF: video 0001 of person id0; the same with the face of id1; a video of nobody
# in particular.
_PERSON = re.compile(r"(id\d+)(?:_id\d+)?_\d{4}_\d+")
_STRANGER = re.compile(r"(\d{5})_\d+")
# A frame in a folder of its own, which may be called after its video.
NUMBER = re.compile(r"(?:frame[_-]?)?(\d+)", re.IGNORECASE)
_VIDEO = re.compile(r"\d{3}(?:_\d{3})?|id\d+(?:_id\d+)?_\d{4}|\d{5}")
# The word that makes a frame of a number, whatever its folder is called.
_FRAME = re.compile(r"frame[_-]?\d+", re.IGNORECASE)
# A video: "000", "000_003" (the face of 003 put into 000), "01__kitchen_pan",
# "01_02__kitchen_pan__AB12"; of Celeb-DF "id0_0001", "id0_id16_0001".
_NUMBERED = re.compile(r"(\d{3})(?:_(\d{3}))?$|(\d{2})(?:_(\d{2}))?__")
_NAMED = re.compile(r"(?<![A-Za-z0-9])id\d+")


def read(root: Path, files: Sequence[DataFile]) -> dict[str, str] | None:
    """Read which files belong together from the table in a data folder, if it has one.

    Args:
        root: The folder where the layout starts. `groups.csv` there has the columns path and
            group, and `pairs.csv` the columns split, fake and original.

    Returns:
        The group of each file that the table lists, by `DataFile.name`; None without a table.

    Raises:
        InputError: If there are two tables, or one names what is not there or contradicts itself.
    """
    tables = [name for name in TABLES if (root / name).exists()]
    if len(tables) > 1:
        raise InputError(f"{root}: has {' and '.join(TABLES)}; keep one of them")
    if tables == ["groups.csv"]:
        return _listed_groups(root / "groups.csv", files)
    made_from = originals(root, files)
    return made_from | {name: name for name in made_from.values()} if tables else None


def _listed_groups(table: Path, files: Sequence[DataFile]) -> dict[str, str]:
    names = {file.name for file in files}
    groups: dict[str, str] = {}
    for where, path, group in _rows(table, ("path", "group")):
        # A backslash may also be part of a name.
        name = path if path in names else _posix(path)
        if name not in names:
            raise InputError(f"{where}: {path} is not among the files of {table.parent}")
        if groups.setdefault(name, group) != group or not group:
            raise InputError(f"{where}: {path} needs one group, and not an empty one")
    return groups


def originals(root: Path, files: Iterable[DataFile]) -> dict[str, str]:
    """Read from `pairs.csv` in a data folder which real image each fake was made from.

    Args:
        files: Its images; not asked for without a table.

    Returns:
        The real image of each fake that the table lists, by `DataFile.name`; empty without one.

    Raises:
        InputError: If the table names what is not there or contradicts itself.
    """
    table = root / "pairs.csv"
    if not table.exists():
        return {}
    names = {(file.split, CLASSES[file.label], file.inner): file.name for file in files}

    def find(where: str, split: str, class_name: str, path: str) -> str:
        name = names.get((meaning(split).split, class_name, _posix(path)))
        if name is None:
            raise InputError(
                f"{where}: {path} is not among the {class_name} files of split {split!r}"
            )
        return name

    made_from: dict[str, str] = {}
    for where, split, fake, original in _rows(table, ("split", "fake", "original")):
        name, other = find(where, split, "fake", fake), find(where, split, "real", original)
        if made_from.setdefault(name, other) != other:
            raise InputError(f"{where}: {fake} has a second original")
    return made_from


def _rows(table: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield for each line of a table where it is and the cells of the given columns.

    File names that are not UTF-8 are read as `files.write_table` writes them.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            if not set(columns) <= set(reader.fieldnames or ()):
                raise InputError(f"{table}: expected a first line with {','.join(columns)}")
            for row in reader:
                cells = ((row[column] or "").strip() for column in columns)
                yield (f"{table}, line {reader.line_num}", *cells)
    except (OSError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as CSV ({error})") from error


def _posix(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).as_posix()


def by_names(files: Sequence[DataFile]) -> dict[str, str]:
    """Read groups from file names, where all of a data folder is named after one known pattern.

    Plain numbers are no videos: a pattern counts only where every file follows it and the fakes
    name the videos of real files (FaceForensics++), or the word `id` is there (Celeb-DF). Frames in
    a folder of their own, 000_003/0042, count as 000_003_0042; and where every file is called
    frame_0042 and lies in a sub-folder, each of these is a video.

    In FaceForensics++ both videos of a swap, and all that share one with them, are one group. In
    Celeb-DF everyone is swapped with everyone: joining both would make one group of the whole set,
    so the person counts whose video it is.

    Returns:
        The group of each image by `DataFile.name`; empty where the names say nothing.
    """
    return _faceforensics(files) or _celeb_df(files) or _folders(files)


def _faceforensics(files: Sequence[DataFile]) -> dict[str, str]:
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


def source_ids(stem: str) -> tuple[str, ...]:
    """Return the ids of the source videos, or of the person filmed, that a video's name gives.

    In Celeb-DF that is not the person who lends the face: see `by_names`.
    """
    numbered = _NUMBERED.match(stem)
    if numbered:
        return tuple(filter(None, numbered.groups()))
    return tuple(_NAMED.findall(stem)[:1])


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


def _celeb_df(files: Sequence[DataFile]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        person = _PERSON.fullmatch(_stem(file))
        match = person or (None if file.label else _STRANGER.fullmatch(_stem(file)))
        if match is None:
            return {}
        found[file.name] = f"person {match[1]}" if person else f"video {match[1]}"
    named = any(group.startswith("person") for group in found.values())
    return found if named else {}


def _folders(files: Sequence[DataFile]) -> dict[str, str]:
    """Take every sub-folder of frames for a video, the same one in both classes of a split."""
    if not all("/" in file.inner and _FRAME.fullmatch(_plain(file)) for file in files):
        return {}
    return {file.name: f"video {file.split} {file.inner.rpartition('/')[0]}" for file in files}


def _stem(file: DataFile) -> str:
    plain, folder = _plain(file), PurePosixPath(file.inner).parent.name
    frame = NUMBER.fullmatch(plain)
    return f"{folder}_{frame[1]}" if frame and _VIDEO.fullmatch(folder) else plain


def _plain(file: DataFile) -> str:
    return PurePosixPath(file.inner).stem
