"""Who is there when, by the frames of a video that were looked at."""

import numpy as np

from src.data import footage
from src.data.sampling import Sampling
from src.detector.clip import Clip
from src.detector.persons import Sighting, Track


def test_who_is_there_all_of_a_long_scene_is_so_where_scenes_are_sampled():
    """Ten scenes, of 51 s and nine of 1 s: the long one has a frame each ten seconds."""
    changes = np.zeros(1500, np.float32)
    changes[[25 * (51 + scene) for scene in range(9)]] = 0.5
    survey = footage.Survey(np.arange(1500) / 25, changes)
    looked = survey.times[Sampling("scene").choose(survey)]
    box, heat = (0.0, 0.0, 9.0, 9.0), np.ones((2, 2), np.float32)

    def track(number, times):
        return Track(number, "fake", 0.9, 1.0, (), (), tuple(
            Sighting(float(time), box, box, 0.9, 1.0, heat) for time in times
        ))  # fmt: skip

    there, brief = track(1, looked[looked < 51]), track(2, looked[(looked > 51) & (looked < 52)])
    clip = Clip("a", "", "fake", (), "", survey, tuple(looked), (there, brief))
    assert len(there.sightings) < 20 < len(looked)
    assert len(clip.stretches(there)) == 1
    ids = {
        round(time, 1): [one.id for one, _ in clip.shown(time)] for time in np.arange(0, 60, 0.5)
    }
    # Nobody stays longer than a short scene because another one is long.
    assert ids == {time: [1] if time < 51 else [2] if time < 52 else [] for time in ids}
