"""Short videos that tests make."""

import struct
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import people

from dataset.portrait import Person, Pose, draw_backdrop, draw_portrait


def write(path: Path, frames: Iterable[np.ndarray], codec: str = "mp4v", rate: float = 25) -> Path:
    """Write frames, (H, W, 3) uint8 RGB, as a video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    for frame in frames:
        if writer is None:
            size = frame.shape[1::-1]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, size)
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


@cache
def portrait(seed: int) -> np.ndarray:
    """Draw a made-up person, with a face of half the width: (140, 140, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    pose = Pose(x=0.5, y=0.5, width=0.5, tilt=0.05, turn=0.05, smile=0.5, light=(0.3, -0.4))
    drawn = draw_portrait(Person.draw_lots(rng), pose, draw_backdrop(rng, 140))
    return drawn.astype(np.uint8)


def composed(*persons: tuple[int, int, int, int]) -> np.ndarray:
    """Return a frame with people in it: (240, 426, 3) uint8 RGB.

    Args:
        persons: of each the seed, left, top and side of the portrait in pixels.
    """
    frame = np.full((240, 426, 3), 110, np.uint8)
    for seed, left, top, side in persons:
        frame[top : top + side, left : left + side] = cv2.resize(portrait(seed), (side, side))
    return frame


def meeting(frames: int = 30) -> Iterator[np.ndarray]:
    """Film two persons: one moves and comes closer, the other leaves and comes back elsewhere."""
    for n in range(frames):
        present = [(1, 4 + 4 * n, 20, 130 + n)]
        if not frames // 4 <= n < 3 * frames // 4:
            present.append((5, 290 if n < frames // 2 else 280, 5 if n < frames // 2 else 110, 125))
        yield composed(*present)


def turned(path: Path) -> Path:
    """Change an .mp4 so that its frames are to be shown turned by a quarter, clockwise."""
    one, none, unit = (struct.pack(">i", number) for number in (1 << 16, 0, 1 << 30))
    minus = struct.pack(">i", -(1 << 16))
    content = path.read_bytes()
    start = content.index(b"tkhd")
    place = content.index(one + none * 3 + one + none * 3 + unit, start)
    quarter = none + one + none + minus + none * 4 + unit
    path.write_bytes(content[:place] + quarter + content[place + 36 :])
    return path


def slowed(path: Path, first: int, factor: int) -> Path:
    """Change an .mp4 so that its frames but the `first` are shown `factor` times as long."""
    content = path.read_bytes()
    place = content.index(b"stts") - 4
    size, _, _, entries, count, length = struct.unpack(">i4siiii", content[place : place + 24])
    assert (size, entries) == (24, 1), "the frames of a film of `write` all last alike"
    rows = (first, length, count - first, factor * length)
    longer = struct.pack(">i4siiiiii", 32, b"stts", 0, 2, *rows)
    content = content[:place] + longer + content[place + 24 :]
    # The boxes that it stands in grow with it; the frames stand before them all.
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        at = content.index(name) - 4
        grown = struct.unpack(">i", content[at : at + 4])[0] + 8
        content = content[:at] + struct.pack(">i", grown) + content[at + 4 :]
    # The list of edits would end the film where it ended before.
    path.write_bytes(content.replace(b"edts", b"free"))
    return path


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
