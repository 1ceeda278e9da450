"""What can be set about the service."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from src.explaining.rewriting import Endpoint

# Files of one batch that are decoded and judged at a time; the others leave room for others.
FILES_AT_ONCE = 8
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Settings:
    """How images are taken in and judged, and who may ask.

    Attributes:
        max_bytes: of one upload.
        max_pixels: of one image; checked before it is decoded.
        max_files: of one batch.
        places: images that are accepted at a time, those that wait included.
        batch_size: faces that the network takes at once.
        deadline: seconds until an image must have been judged, and an upload have arrived.
        videos: that are accepted at a time, and go through the same queue.
        max_video_bytes: of one video.
        max_video_seconds: that one may last.
        video_deadline: seconds until a video must have been judged, and its upload have arrived.
        remembered: answers that are kept in memory.
        hosts: names that a request may be addressed to; `*.name` stands for all below it.
        origins: other web pages that may ask; `null` for a page opened from disk.
        frame_ancestors: sites that may show the page in a frame.
        api_keys: file with the hashes of the keys; None lets everybody ask.
        rate: images a minute for each key.
        history: SQLite file in which verdicts are kept; None keeps none.
        trust_anchors: PEM file with trusted roots of Content Credentials; None trusts nobody.
        endpoint: a language model that puts explanations into better words; None asks none.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 50_000_000
    max_files: int = 32
    places: int = 64
    batch_size: int = 16
    deadline: float = 30.0
    videos: int = 2
    max_video_bytes: int = 200_000_000
    max_video_seconds: float = 600.0
    video_deadline: float = 900.0
    remembered: int = 1024
    hosts: tuple[str, ...] = LOOPBACK
    origins: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    api_keys: Path | None = None
    rate: int = 600
    history: Path | None = None
    trust_anchors: Path | None = None
    endpoint: Endpoint | None = None

    @property
    def max_batch_bytes(self) -> int:
        """Size of a whole batch."""
        return 5 * self.max_bytes

    @property
    def max_held_bytes(self) -> int:
        """Size of all uploads that are held in memory at a time."""
        return 4 * self.max_batch_bytes

    @property
    def max_stored_bytes(self) -> int:
        """Size of all videos that are held on the disk at a time."""
        return (self.videos + 2) * self.max_video_bytes

    @property
    def longest_wait(self) -> float:
        """Seconds within which all that was accepted has been answered."""
        turns = math.ceil(self.max_files / FILES_AT_ONCE)
        return max((1 + turns) * self.deadline, self.video_deadline)
