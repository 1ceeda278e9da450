"""What is said of a video: who is in it, when, and how they are judged."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from src.data import footage
from src.detector.persons import Sighting, Track
from src.detector.verdict import Word

# How many sampling steps a person may be missed for and still count as there.
MISSED = 2.5


@dataclass(frozen=True)
class Clip:
    """What we say about one video."""

    path: str  # as it was given
    sha256: str  # of the file's bytes
    # `fake`, `real` or `inconclusive`: over all persons, as over several faces in one image.
    verdict: Word
    reasons: tuple[str, ...]
    calibration: str  # what the error rates rest on, a sentence
    survey: footage.Survey  # when its frames are shown
    looked: tuple[float, ...]  # when those are shown that were looked at, rising
    tracks: tuple[Track, ...]  # one a person, in order of appearance; empty where no face was found

    @property
    def sampled(self) -> int:
        """How many frames were looked at."""
        return len(self.looked)

    def shown(self, time: float) -> Iterator[tuple[Track, Sighting]]:
        """Yield who is there at a time in seconds, and where; see `Track.at`.

        Nobody goes on into a scene in which they were not seen.
        """
        scene = self._scene(time)
        for parts in self._by_scene:
            if (part := parts.get(scene)) and (found := part.at(time, self._gap(time))):
                yield part, found

    @cached_property
    def _by_scene(self) -> list[dict[int, Track]]:
        """The tracks, each cut into those of the scenes."""
        parts = [groupby(one.sightings, lambda seen: self._scene(seen.time)) for one in self.tracks]
        return [
            {scene: replace(track, sightings=tuple(seen)) for scene, seen in found}
            for track, found in zip(self.tracks, parts, strict=True)
        ]

    @cached_property
    def _cuts(self) -> list[float]:
        return self.survey.times[self.survey.cuts].tolist()

    def _scene(self, time: float) -> int:
        return bisect_right(self._cuts, time)

    def _gap(self, time: float) -> float:
        """Return the seconds after which who was not seen was away, at some time.

        Where scenes are sampled, the steps from frame to frame are longer in a long one.
        """
        if len(self.looked) == 1:
            return MISSED * self.survey.duration
        after = min(max(1, bisect_right(self.looked, time)), len(self.looked) - 1)
        return MISSED * (self.looked[after] - self.looked[after - 1])

    def stretches(self, track: Track) -> list[tuple[float, float]]:
        """Return from when to when a person was there, in seconds, each to the last frame."""
        times = np.array([one.time for one in track.sightings])
        steps = np.diff(np.searchsorted(self.looked, times))
        parts = np.split(times, np.flatnonzero(steps > MISSED) + 1)
        return [(float(part[0]), float(part[-1])) for part in parts]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain types for JSON."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "calibration": self.calibration,
            "duration": round(self.survey.duration, 3),
            "sampled": self.sampled,
            "frames": len(self.survey.times),
            "tracks": [_track(track, self.stretches(track)) for track in self.tracks],
        }


def _track(track: Track, stretches: Sequence[tuple[float, float]]) -> dict[str, Any]:
    return {
        "id": track.id,
        "verdict": track.verdict,
        "p_fake": track.p_fake,
        "reasons": list(track.reasons),
        "stretches": [{"start": round(start, 3), "end": round(end, 3)} for start, end in stretches],
        "moments": [
            {"start": round(one.start, 3), "end": round(one.end, 3), "share": one.share}
            for one in track.moments
        ],
        "frames": [
            {
                "time": round(one.time, 3),
                "box": [round(side, 1) for side in one.box],
                "p_fake": one.p_fake,
            }
            for one in track.sightings
        ],
    }
