"""Follow faces from frame to frame, so that one person stays one person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.data.faces import Face
from src.data.looks import alike

# Left, top, width, height in pixels.
Box = tuple[float, float, float, float]

MIN_OVERLAP = 0.3  # intersection over union with where the face was last seen
# Without overlap: how far the centre may have moved, in widths of the face, and by which factor
# its width may have changed.
MAX_MOVE, MAX_GROWTH = 1.5, 1.6
# Where looks are known: frames that a face may be missed for while its place still means something;
# how alike it must look to go on there, and how alike to come back from anywhere. 100 faces of DFDC
# were pasted twice into other pictures, in other sizes, tilts and light: 1 % of the pairs of
# different persons were alike by more than 0.64, 81 % of the faces were to themselves, and 99 % by
# more than 0.55.
PATIENCE = 2
UNLIKE, ALIKE = 0.35, 0.66


@dataclass
class _Person:
    """Where a person was last seen, in which frame, and the sum of the looks so far."""

    box: Box
    frame: int
    looks: np.ndarray | None

    def resembles(self, looks: np.ndarray) -> float:
        assert self.looks is not None, "looks are known of all faces or of none"
        return alike(self.looks / np.linalg.norm(self.looks), looks)


class Tracker:
    """Tells who is who from frame to frame, and remembers one place and one look a person.

    A face goes on with the person whose last face it overlaps most, and else with the nearest one
    of about its size. Where looks are known they have a say in it; whoever was away too long, or
    before a cut, comes back by looks alone.
    """

    def __init__(self) -> None:
        self._persons: list[_Person] = []
        self._frame = 0
        self._cut = 0

    def follow(
        self, boxes: Sequence[Box], looks: Sequence[np.ndarray] | None = None, cut: bool = False
    ) -> list[int]:
        """Tell who the faces of the next frame are.

        Args:
            looks: of the same faces, `(D,)` each, of length 1, see `looks.describe`; of all frames
                or of none. Without them places are all that counts, however long ago.
            cut: another scene has begun since the frame before, so that places mean nothing.

        Returns:
            The number of each face's person, in order of appearance from 0.

        Raises:
            ValueError: looks of some frames, but not of all.
        """
        if boxes and self._persons and (looks is None) != (self._persons[0].looks is None):
            raise ValueError("looks: expected of all frames or of none, got those of some")
        if cut:
            self._cut = self._frame
        fits = sorted(
            (-fit, p, f)
            for p, person in enumerate(self._persons)
            for f, box in enumerate(boxes)
            if (fit := self._fit(person, box, None if looks is None else looks[f])) is not None
        )
        who: dict[int, int] = {}
        for _, person, face in fits:
            if face not in who and person not in who.values():
                who[face] = person
        for face, box in enumerate(boxes):
            look = None if looks is None else looks[face]
            if face not in who:
                who[face] = len(self._persons)
                self._persons.append(_Person(box, self._frame, look))
                continue
            known = self._persons[who[face]]
            known.box, known.frame = box, self._frame
            known.looks = None if look is None else known.looks + look
        self._frame += 1
        return [who[face] for face in range(len(boxes))]

    def _fit(self, person: _Person, box: Box, look: np.ndarray | None) -> float | None:
        """Tell how well a face goes on with a person; a place fits better than looks alone."""
        place = _fit(person.box, box)
        if look is None:
            return place
        resemblance = person.resembles(look)
        away = self._frame - person.frame - 1
        if place is not None and away <= PATIENCE and person.frame >= self._cut:
            return place + resemblance if resemblance >= UNLIKE else None
        return resemblance - 1 - MAX_MOVE if resemblance >= ALIKE else None


def link(frames: Sequence[Sequence[Face]]) -> list[dict[int, Face]]:
    """Join the faces of consecutive frames into tracks, by their places.

    Args:
        frames: the faces found in each frame.

    Returns:
        The tracks in order of appearance: the face of that person by the frame's position.
    """
    tracker = Tracker()
    tracks: dict[int, dict[int, Face]] = {}
    for position, faces in enumerate(frames):
        who = tracker.follow([face.box for face in faces])
        for person, face in sorted(zip(who, faces, strict=True), key=lambda pair: pair[0]):
            tracks.setdefault(person, {})[position] = face
    return list(tracks.values())


def main_track(tracks: Sequence[dict[int, Face]]) -> int:
    """Return which track fills most of the video: by the sum of the areas of its faces."""
    areas = [sum(face.box[2] * face.box[3] for face in track.values()) for track in tracks]
    return int(np.argmax(areas))


def _fit(before: Box, now: Box) -> float | None:
    """Tell how well a place goes on with another: in (0, 1] by overlap, below 0 by distance."""
    shared = overlap(before, now)
    if shared >= MIN_OVERLAP:
        return shared
    size = max(before[2], now[2])
    move = float(np.hypot(*np.subtract(_centre(before), _centre(now)))) / size
    growth = size / max(min(before[2], now[2]), 1e-9)
    return -move if move <= MAX_MOVE and growth <= MAX_GROWTH else None


def _centre(box: Box) -> tuple[float, float]:
    left, top, width, height = box
    return left + width / 2, top + height / 2


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes, in [0, 1]."""
    a, b = np.array([one, other])
    inner = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    shared = inner.clip(0).prod()
    return float(shared / max(a[2:].prod() + b[2:].prod() - shared, 1e-9))
