"""Decoded images, kept while a training run needs them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data import pixels

# From the content of a file, the size and the name in messages to (size, size, 3) uint8 RGB.
Read = Callable[[bytes, int, str], np.ndarray]

MEMORY_BYTES = 256 * 2**20
DISK_BYTES = 64 * 2**30
FREE_DISK_SHARE = 0.5
READERS = 4


@dataclass(frozen=True)
class Skipped:
    """An image that could not be read, and the sentence that says why."""

    path: Path
    reason: str


class ImageCache:
    """Images of one size, decoded once: in memory while small, else in a file.

    The file is read and written by position and never mapped, so that its pages do not count as
    this process's memory. Images past the bound of the file are decoded again at each use.

    Args:
        paths: the image files.
        size: side of the square images in pixels.
        folder: where the file goes; it is removed by `close`.
        read: turns the content of a file into an image of that size, see `pixels.load`.
        memory_bytes: up to this many bytes stay in memory.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: int,
        folder: Path,
        *,
        read: Read = pixels.load,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._read = read
        self.paths = list(paths)
        self.size = size
        self._item = size * size * 3
        self._held = bytearray(len(self.paths))
        self._memory: np.ndarray | None = None
        self._file: int | None = None
        self._slots = len(self.paths)
        if self._slots * self._item <= memory_bytes:
            self._memory = np.empty((self._slots, size, size, 3), np.uint8)
        else:
            self._open_file(folder)

    def _open_file(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        room = min(DISK_BYTES, int(shutil.disk_usage(folder).free * FREE_DISK_SHARE))
        self._slots = min(self._slots, room // self._item)
        self._file_path = folder / "images.cache"
        self._file = os.open(self._file_path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def fill(self, advance: Callable[[], object] = lambda: None) -> tuple[list[str], list[Skipped]]:
        """Read every image once, on threads.

        Args:
            advance: called after each image.

        Returns:
            The SHA-256 of each file in order (an empty string where it cannot be read), and the
            images that cannot be read.
        """
        digests, skipped = [], []
        with ThreadPoolExecutor(READERS) as pool:
            for path, outcome in zip(
                self.paths, pool.map(self._hash_and_hold, range(len(self.paths))), strict=True
            ):
                if isinstance(outcome, pixels.ImageError):
                    skipped.append(Skipped(path, str(outcome)))
                    outcome = ""
                digests.append(outcome)
                advance()
        return digests, skipped

    def _hash_and_hold(self, index: int) -> str | pixels.ImageError:
        path = self.paths[index]
        try:
            data = pixels.content(path)
            self._hold(index, self._read(data, self.size, str(path)))
        except pixels.ImageError as error:
            return error
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
        if index < self._slots:
            self._store(index, image)
            self._held[index] = 1

    def _fetch(self, index: int) -> np.ndarray:
        if self._memory is not None:
            return self._memory[index]
        assert self._file is not None
        data = os.pread(self._file, self._item, index * self._item)
        return np.frombuffer(data, np.uint8).reshape(self.size, self.size, 3)

    def _store(self, index: int, image: np.ndarray) -> None:
        if self._memory is not None:
            self._memory[index] = image
        else:
            assert self._file is not None
            os.pwrite(self._file, image.tobytes(), index * self._item)

    def close(self) -> None:
        """Let go of the images and remove the file."""
        self._memory = None
        self._held = bytearray(len(self.paths))
        if self._file is not None:
            os.close(self._file)
            self._file_path.unlink(missing_ok=True)
            self._file = None
