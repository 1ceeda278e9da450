"""Short videos that tests make."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import people


def write(path: Path, frames: Iterable[np.ndarray], codec: str = "mp4v") -> Path:
    """Write frames, (H, W, 3) uint8 RGB, as a video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    for frame in frames:
        if writer is None:
            size = frame.shape[1::-1]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, size)
            assert writer.isOpened()
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    assert writer is not None
    writer.release()
    return path


def walk(frames: int = 12) -> list[np.ndarray]:
    """Return frames in which the astronaut moves through the picture: (240, 320, 3) uint8."""
    return [
        np.array(people.astronaut()[3 * n : 240 + 3 * n, 8 * n : 320 + 8 * n])
        for n in range(frames)
    ]


def faceforensics(root: Path, methods: Iterable[str] = ("Deepfakes", "FaceSwap")) -> Path:
    """Make a FaceForensics++ tree of two pairs of videos."""
    once = write(root / "original_sequences/youtube/c23/videos/000.mp4", walk()).read_bytes()
    names = [f"original_sequences/youtube/c23/videos/{n}.mp4" for n in ("003", "010", "011")]
    names += [
        f"manipulated_sequences/{method}/c23/videos/{pair}.mp4"
        for method in methods
        for pair in ("000_003", "003_000", "010_011", "011_010")
    ]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(once)
    return root
