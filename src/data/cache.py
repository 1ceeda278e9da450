"""Decoded images, kept while a training run needs them."""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src import processor
from src.data import pixels
from src.data.shard import ALONE, Shard

# From the content of a file, the size and the name in messages to (size, size, 3) uint8 RGB.
Read = Callable[[bytes, int, str], np.ndarray]

MEMORY_BYTES = 256 * 2**20
DISK_BYTES = 64 * 2**30
FREE_DISK_SHARE = 0.5


@dataclass(frozen=True)
class Skipped:
    """An image that could not be read, and the sentence that says why."""

    path: Path
    reason: str


class ImageCache:
    """Images of one size, decoded once: in memory while small, else in a file.

    The file is read and written by position and never mapped, so that its pages do not count as
    this process's memory. Images past the bound of the file are decoded again at each use.

    Of several processes each reads its shard of the image files, once, into a file of its own, and
    takes the pixels of the others out of theirs.

    Args:
        size: side of the square images in pixels.
        folder: where the file goes; it is removed by `close`. All processes of a run see it.
        read: turns the content of a file into an image of that size, see `pixels.load`.
        memory_bytes: up to this many bytes stay in memory, in the only process of a run.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: int,
        folder: Path,
        *,
        read: Read = pixels.load,
        memory_bytes: int = MEMORY_BYTES,
        shard: Shard = ALONE,
    ) -> None:
        self._read = read
        self._shard = shard
        self.paths = list(paths)
        self.size = size
        self._item = size * size * 3
        self._held = bytearray(len(self.paths))
        self._memory: np.ndarray | None = None
        self._files: dict[int, int] = {}
        self._folder = folder
        self._slots = len(range(shard.number, len(self.paths), shard.processes))
        if shard.alone and self._slots * self._item <= memory_bytes:
            self._memory = np.empty((self._slots, size, size, 3), np.uint8)
        else:
            self._open_file()

    def _open_file(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        room = min(DISK_BYTES, int(shutil.disk_usage(self._folder).free * FREE_DISK_SHARE))
        self._slots = min(self._slots, room // self._shard.processes // self._item)
        number = self._shard.number
        self._files[number] = os.open(self._file(number), os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def _file(self, number: int) -> Path:
        return self._folder / f"images-{number}.cache"

    def fill(self, advance: Callable[[], object] = lambda: None) -> tuple[list[str], list[Skipped]]:
        """Read every image once, on threads; `advance` is called after each.

        Returns:
            The SHA-256 of each file in order (an empty string where it cannot be read), and the
            images that cannot be read.
        """
        mine = [index for index in range(len(self.paths)) if self._shard.owns(index)]
        outcomes: dict[int, str | Skipped] = {}
        with ThreadPoolExecutor(processor.threads()) as pool:
            for index, outcome in zip(mine, pool.map(self._hash_and_hold, mine), strict=True):
                outcomes[index] = outcome
                advance()
        every = self._exchanged(outcomes)
        skipped = [outcome for outcome in every if isinstance(outcome, Skipped)]
        return [outcome if isinstance(outcome, str) else "" for outcome in every], skipped

    def _exchanged(self, outcomes: dict[int, str | Skipped]) -> list[str | Skipped]:
        """Return what became of every image in any process, and take up the others' files."""
        number = self._shard.number
        if not self._shard.alone:
            os.fsync(self._files[number])
        every: dict[int, str | Skipped] = {}
        for other, (theirs, held) in enumerate(self._shard.gather((outcomes, self._held))):
            every |= theirs
            if other != number:
                self._files[other] = os.open(self._file(other), os.O_RDONLY)
                self._held = bytearray(map(max, self._held, held))
        return [every[index] for index in range(len(self.paths))]

    def _hash_and_hold(self, index: int) -> str | Skipped:
        path = self.paths[index]
        try:
            data = pixels.content(path)
            self._hold(index, self._read(data, self.size, str(path)))
        except pixels.ImageError as error:
            return Skipped(path, str(error))
        return hashlib.sha256(data).hexdigest()

    def __getitem__(self, index: int) -> np.ndarray:
        """Return image `index` as `(S, S, 3)` uint8 RGB.

        Raises:
            ImageError: it cannot be read.
        """
        if self._held[index]:
            return self._fetch(index)
        path = self.paths[index]
        image = self._read(pixels.content(path), self.size, str(path))
        self._hold(index, image)
        return image

    def _hold(self, index: int, image: np.ndarray) -> None:
        slot = index // self._shard.processes
        if self._shard.owns(index) and slot < self._slots:
            self._store(slot, image)
            self._held[index] = 1

    def _fetch(self, index: int) -> np.ndarray:
        if self._memory is not None:
            return self._memory[index]
        slot, number = divmod(index, self._shard.processes)
        data = os.pread(self._files[number], self._item, slot * self._item)
        return np.frombuffer(data, np.uint8).reshape(self.size, self.size, 3)

    def _store(self, slot: int, image: np.ndarray) -> None:
        if self._memory is not None:
            self._memory[slot] = image
        else:
            file = self._files[self._shard.number]
            os.pwrite(file, image.tobytes(), slot * self._item)

    def close(self) -> None:
        """Let go of the images; the first process removes the files."""
        self._memory = None
        self._held = bytearray(len(self.paths))
        for number, file in self._files.items():
            os.close(file)
            if self._shard.first:
                self._file(number).unlink(missing_ok=True)
        self._files = {}
