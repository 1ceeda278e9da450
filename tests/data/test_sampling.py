"""Which frames are looked at."""

import numpy as np
import pytest

from src import InputError
from src.data.footage import Survey
from src.data.sampling import choose, spread


def survey(times, cuts=()) -> Survey:
    changes = np.zeros(len(times), np.float32)
    changes[list(cuts)] = 0.5
    return Survey(np.asarray(times, float), changes)


def test_even_means_even_in_time_whatever_the_frame_rate_does():
    # Ten seconds at ten frames a second, then ten seconds at one.
    found = survey([*np.arange(0, 10, 0.1), *np.arange(10, 20, 1)])
    chosen = choose(found, 4)
    np.testing.assert_allclose(found.times[chosen], [2.4, 7.2, 11.9, 16.7], atol=1)


def test_a_short_video_gives_each_frame_once():
    assert choose(survey(np.arange(3) / 25), 10) == [0, 1, 2]
    assert choose(survey([0.0]), 5) == [0]


def test_every_scene_gets_as_many_frames():
    found = survey(np.arange(100) / 25, cuts=[90, 95])
    assert not [number for number in choose(found, 6, "even")[:-1] if number >= 90]
    chosen = np.array(choose(found, 6, "scene"))
    assert [(chosen < 90).sum(), ((chosen >= 90) & (chosen < 95)).sum()] == [2, 2]
    assert len(set(chosen.tolist())) == 6 and list(chosen) == sorted(chosen)


def test_what_a_short_scene_has_not_the_others_get():
    found = survey(np.arange(100) / 25, cuts=[98])
    chosen = choose(found, 10, "scene")
    assert len(chosen) == 10 and {98, 99} <= set(chosen)


def test_of_more_scenes_than_frames_the_longest_are_looked_at():
    found = survey(np.arange(60) / 25, cuts=[5, 30, 34])
    first, second = choose(found, 2, "scene")
    assert 5 <= first < 30 and second >= 34


def test_an_unknown_way_is_an_input_error():
    with pytest.raises(InputError, match="even, scene"):
        choose(survey([0.0]), 1, "random")


def test_a_clip_is_spread_over_all_frames():
    assert spread(10, 5).tolist() == [1, 3, 5, 7, 9]
    assert spread(2, 4).tolist() == [0, 0, 1, 1]
    assert spread(1, 3).tolist() == [0, 0, 0]
    drawn = {tuple(spread(6, 3, np.random.default_rng(seed))) for seed in range(200)}
    assert drawn == {(a, b, c) for a in (0, 1) for b in (2, 3) for c in (4, 5)}
