"""Where a person is at any time, between the frames that were looked at too."""

from dataclasses import dataclass

import numpy as np

from src.detector.persons import Sighting, Track


@dataclass(frozen=True)
class Shown:
    """A person at one time."""

    box: tuple[float, float, float, float]  # the face: left, top, width, height in pixels
    region: tuple[float, float, float, float]  # what was judged, in the same terms
    p_fake: float  # of the nearest frame that was looked at
    # `(h, w)` evidence of that frame for the person's likelier answer, not below 0.
    heat: np.ndarray


class Presence:
    """Moves a person steadily from one sighting to the next.

    Args:
        gap: seconds; who was not seen for longer was away, and is shown for half of that at most
            after the last sighting and before the next.
    """

    def __init__(self, track: Track, gap: float) -> None:
        self.track = track
        self._gap = gap
        self._times = np.array([one.time for one in track.sightings])
        self._sign = 1.0 if track.p_fake >= 0.5 else -1.0

    @property
    def highest(self) -> float:
        """The largest value of all heatmaps."""
        return max(float(self._heat(one).max()) for one in self.track.sightings)

    def at(self, time: float) -> Shown | None:
        """Return what there is of the person at a time in seconds; None where that is nothing."""
        seen = self.track.sightings
        after = int(np.searchsorted(self._times, time, "right"))
        one, other = seen[max(0, after - 1)], seen[min(after, len(seen) - 1)]
        nearer = min((one, other), key=lambda sighting: abs(sighting.time - time))
        if abs(nearer.time - time) > self._gap / 2:
            return None
        if other.time - one.time > self._gap:
            one = other = nearer
        span = other.time - one.time
        share = (time - one.time) / span if span > 0 else 0.0
        return Shown(
            _between(one.box, other.box, share),
            _between(one.region, other.region, share),
            nearer.p_fake,
            self._heat(nearer),
        )

    def _heat(self, sighting: Sighting) -> np.ndarray:
        return np.maximum(self._sign * sighting.evidence, 0.0)


def _between(
    one: tuple[float, ...], other: tuple[float, ...], share: float
) -> tuple[float, float, float, float]:
    left, top, width, height = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return left, top, width, height
