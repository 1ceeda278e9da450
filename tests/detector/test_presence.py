"""Where a person is between two frames that were looked at."""

import numpy as np
import pytest

from src.detector.persons import Sighting, Track
from src.detector.presence import Presence


def presence(*places, p_fake=0.9, gap=1.0):
    sightings = tuple(
        Sighting(time, (left, 0, 10, 10), (left - 5, 0, 20, 20), 0.1 * n, 0.0, [[1.0, -2.0]])
        for n, (time, left) in enumerate(places)
    )
    sightings = tuple(
        Sighting(s.time, s.box, s.region, s.p_fake, s.logit, np.array(s.evidence))
        for s in sightings
    )
    return Presence(Track(1, "fake", p_fake, 0.0, (), (), sightings), gap)


def test_a_box_moves_steadily_and_the_score_is_that_of_the_nearer_frame():
    person = presence((1.0, 0.0), (2.0, 100.0))
    shown = person.at(1.25)
    assert shown.box == (25, 0, 10, 10) and shown.region == (20, 0, 20, 20)
    assert shown.p_fake == 0 and person.at(1.75).p_fake == pytest.approx(0.1)
    assert person.at(1.0).box[0] == 0 and person.at(2.0).box[0] == 100


def test_who_was_not_seen_for_long_is_not_shown():
    person = presence((1.0, 0.0), (5.0, 100.0))
    assert person.at(1.4).box[0] == 0 and person.at(4.6).box[0] == 100
    for away in (0.4, 1.6, 3.0, 4.4, 5.6):
        assert person.at(away) is None


def test_the_heat_is_for_the_likelier_answer():
    for p_fake, heat in ((0.9, [[1, 0]]), (0.1, [[0, 2]])):
        person = presence((1.0, 0.0), p_fake=p_fake)
        np.testing.assert_array_equal(person.at(1.0).heat, heat)
        assert person.highest == max(heat[0])
