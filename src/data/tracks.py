"""Follow faces from frame to frame, so that one person stays one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from src.data.faces import Face

MIN_OVERLAP = 0.3  # intersection over union with where the face was last seen
# Without overlap: how far the centre may have moved, in widths of the face, and by which factor
# its width may have changed.
MAX_MOVE, MAX_GROWTH = 1.5, 1.6


def link(frames: Sequence[Sequence[Face]]) -> list[dict[int, Face]]:
    """Join the faces of consecutive frames into tracks.

    A face goes on with the track whose last face it overlaps most, and else with the nearest one
    of about its size; a track that misses a frame waits. A face that fits none starts a track.

    Args:
        frames: the faces found in each frame.

    Returns:
        The tracks in order of appearance: the face of that person by the frame's position.
    """
    tracks: list[dict[int, Face]] = []
    for position, faces in enumerate(frames):
        last = [track[max(track)] for track in tracks]
        waiting, unseen = set(range(len(faces))), set(range(len(tracks)))
        for _, track, face in sorted(
            (-fit, t, f)
            for t, before in enumerate(last)
            for f, now in enumerate(faces)
            if (fit := _fit(before, now)) is not None
        ):
            if track in unseen and face in waiting:
                tracks[track][position] = faces[face]
                unseen.remove(track)
                waiting.remove(face)
        tracks += [{position: faces[face]} for face in sorted(waiting)]
    return tracks


def main_track(tracks: Sequence[dict[int, Face]]) -> int:
    """Return which track fills most of the video: by the sum of the areas of its faces."""
    areas = [sum(face.box[2] * face.box[3] for face in track.values()) for track in tracks]
    return int(np.argmax(areas))


def _fit(before: Face, now: Face) -> float | None:
    """Tell how well a face goes on with a track: in (0, 1] by overlap, below 0 by distance."""
    overlap = _overlap(before, now)
    if overlap >= MIN_OVERLAP:
        return overlap
    size = max(before.box[2], now.box[2])
    move = float(np.hypot(*np.subtract(_centre(before), _centre(now)))) / size
    growth = size / max(min(before.box[2], now.box[2]), 1e-9)
    return -move if move <= MAX_MOVE and growth <= MAX_GROWTH else None


def _centre(face: Face) -> tuple[float, float]:
    left, top, width, height = face.box
    return left + width / 2, top + height / 2


def _overlap(one: Face, other: Face) -> float:
    """Return the intersection over union of two boxes."""
    a, b = np.array([one.box, other.box])
    inner = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    shared = inner.clip(0).prod()
    return float(shared / max(a[2:].prod() + b[2:].prod() - shared, 1e-9))
