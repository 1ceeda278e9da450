"""What a scan has to do: its list of images in parts, kept beside the answers.

A scan is a folder. `_images.jsonl` is the list, a JSON text a line, and `_scan.json` says what the
answers depend on; readers of Parquet pass over both. Part n of the list becomes the file
`part-00000n.parquet`, which is there whole or not at all. So a killed scan has lost nothing but the
parts that were under way, and a part that is judged twice is still there once.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src import InputError
from src.files import atomic_file, write_text

LIST, FACTS, PARTS = "_images.jsonl", "_scan.json", "part-*.parquet"
_OURS = re.compile(r"(\.\d+\.)?(_images\.jsonl|_scan\.json|part-\d+\.parquet)")
# What the network sees in a part, mild re-encodings included: about a minute of one core, which is
# what a killed worker loses.
LOOKS = 1024
# A small scan has about so many parts, for several workers, none of them shorter than an engine
# needs to get going.
FEW, SHORTEST = 16, 64
# The largest has no more than this: Ray Data takes long to begin with more.
MANY = 10_000


@dataclass(frozen=True)
class Settings:
    """What the answers depend on besides the images."""

    card: str  # SHA-256 of the bundle's card, which has the hashes of the weights
    # The others: see `bundle.load` and `Detector.predict_files`.
    faces: str = "auto"
    stability: int = 0
    engine: str = "auto"
    precision: str | None = None


@dataclass(frozen=True)
class Plan:
    """The list of a scan, cut into parts of so many images."""

    folder: Path
    images: int  # how many are in the list
    part_size: int  # images in each part but the last
    # Where the lines of each part begin in the list, in bytes, and where the last ends.
    starts: tuple[int, ...]

    def waiting(self) -> list[int]:
        """Return the numbers of the parts that are not there yet."""
        return [number for number in range(self.parts) if not self.file(number).exists()]

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return len(self.starts) - 1

    def file(self, number: int) -> Path:
        """Return where the answers of a part belong."""
        return self.folder / f"part-{number:06}.parquet"

    def count(self, number: int) -> int:
        """Return how many images are in a part."""
        return min(self.part_size, self.images - number * self.part_size)

    def paths(self, number: int) -> list[str]:
        """Read the images of a part out of the list."""
        with (self.folder / LIST).open("rb") as lines:
            lines.seek(self.starts[number])
            part = lines.read(self.starts[number + 1] - self.starts[number])
        return [json.loads(line) for line in part.splitlines()]


def begin(
    folder: Path,
    images: Iterable[str | Path],
    settings: Settings,
    *,
    part_size: int | None = None,
    overwrite: bool = False,
) -> Plan:
    """Begin a scan, or go on with one of the same images and settings.

    Args:
        images: the list; it is gone through once and never held as a whole.
        part_size: images a part; None chooses. A scan that goes on keeps the size that it had.
        overwrite: delete what another scan left in the folder.

    Raises:
        InputError: there are no images, or the folder holds something else.
    """
    known = _known(folder)
    with atomic_file(folder / LIST) as temporary:
        count, digest = _write_list(temporary, images)
        facts = asdict(settings) | {"images": count, "list": digest}
        if known is not None and not overwrite and any(folder.glob(PARTS)):
            _require_same(folder, known, facts)
            facts = known
        else:
            (folder / FACTS).unlink(missing_ok=True)
            for old in folder.glob(PARTS):
                old.unlink()
            facts["part_size"] = part_size or choose_part_size(count, settings.stability)
    if facts is not known:
        write_text(folder / FACTS, json.dumps(facts, indent=2) + "\n")
    starts = tuple(_starts(folder / LIST, facts["part_size"]))
    return Plan(folder, count, facts["part_size"], starts)


def choose_part_size(images: int, stability: int) -> int:
    """Return how many images each part has, of a scan of so many with so many re-encodings each."""
    small = min(max(1, LOOKS // (1 + stability)), max(SHORTEST, math.ceil(images / FEW)))
    return max(small, math.ceil(images / MANY))


def end(folder: Path) -> None:
    """Delete what killed workers left half written."""
    for left in folder.glob(".*"):
        if _OURS.fullmatch(left.name):
            left.unlink(missing_ok=True)


def _known(folder: Path) -> dict[str, Any] | None:
    """Return what is known about the scan in a folder; None where there is none."""
    if folder.suffix != ".parquet":
        raise InputError(f"{folder}: expected a name that ends in .parquet for the table")
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise InputError(f"{folder} is a file, but a table is a folder of files: choose a new name")
    try:
        return json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        for entry in folder.iterdir():
            if not _OURS.fullmatch(entry.name):
                raise InputError(
                    f"{folder} holds {entry.name}, and no scan that could go on: choose a new name"
                ) from None
        return None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder / FACTS}: cannot be read ({error}): choose a new name"
        ) from error


def _require_same(folder: Path, known: dict[str, Any], facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        if known.get(name) != value:
            raise InputError(
                f"{folder} is a scan with {_named(name, known.get(name))}, not "
                f"{_named(name, value)}: give --overwrite to begin anew, or another place"
            )


def _named(name: str, value: Any) -> str:
    if name == "card":
        return f"the model whose card is {str(value)[:8]}"
    if name == "list":
        return f"the list of images {str(value)[:8]}"
    return f"{value} images" if name == "images" else f"--{name} {value}"


def _write_list(path: Path, images: Iterable[str | Path]) -> tuple[int, str]:
    """Write the list; return how long it is, and its SHA-256."""
    count, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        for image in images:
            line = json.dumps(str(image)).encode() + b"\n"
            digest.update(line)
            file.write(line)
            count += 1
    if not count:
        raise InputError("there are no images to judge: the list is empty")
    return count, digest.hexdigest()


def _starts(path: Path, size: int) -> Iterator[int]:
    start = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines):
            if number % size == 0:
                yield start
            start += len(line)
    yield start
