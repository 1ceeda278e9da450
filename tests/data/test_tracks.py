"""One person stays one person."""

import numpy as np
import pytest

from src.data import tracks
from src.data.faces import Face


def face(left: float, width: float = 50, top: float = 100) -> Face:
    return Face((left, top, width, width * 1.3), 1.0, np.zeros((5, 2), np.float32))


def lefts(track: dict[int, Face]) -> dict[int, float]:
    return {position: face.box[0] for position, face in track.items()}


def test_two_persons_stay_two_whatever_the_order_in_which_they_are_found():
    found = tracks.link([[face(0), face(300)], [face(310), face(8)], [face(16), face(305)]])
    assert [lefts(track) for track in found] == [{0: 0, 1: 8, 2: 16}, {0: 300, 1: 310, 2: 305}]


def test_a_person_who_moved_past_its_own_box_goes_on_by_nearness():
    found = tracks.link([[face(0)], [face(60)], [face(300)]])
    assert [lefts(track) for track in found] == [{0: 0, 1: 60}, {2: 300}]


def test_a_person_who_is_missed_once_comes_back():
    found = tracks.link([[face(0)], [], [face(10)]])
    assert [lefts(track) for track in found] == [{0: 0, 2: 10}]


def test_a_person_who_comes_close_stays_the_same_by_overlap():
    found = tracks.link([[face(100, width=60, top=100)], [face(79, width=102, top=73)]])
    assert len(found) == 1


def test_a_small_face_beside_a_large_one_is_somebody_else():
    assert len(tracks.link([[face(0, width=100)], [face(60, width=40, top=20)]])) == 2


def test_the_main_person_fills_most_of_the_video():
    found = tracks.link([[face(0, 60), face(300)], [face(300)], [face(300)]])
    assert tracks.main_track(found) == 1


def test_without_faces_there_are_no_tracks():
    assert tracks.link([[], []]) == []


BOX, ELSEWHERE = (0.0, 100.0, 50.0, 65.0), (400.0, 20.0, 80.0, 104.0)
# Descriptions of two persons, of the first after a while, and of one between them.
ANN, BOB = np.array([1.0, 0.0]), np.array([0.0, 1.0])
ANN_LATER, NEITHER = np.array([0.8, 0.6]), np.array([0.6, 0.8]) * [1, -1]


def test_a_person_who_was_away_comes_back_elsewhere_by_looks():
    tracker = tracks.Tracker()
    assert tracker.follow([BOX], [ANN]) == [0]
    for _ in range(5):
        assert tracker.follow([], []) == []
    assert tracker.follow([ELSEWHERE, BOX], [ANN_LATER, BOB]) == [0, 1]


def test_the_same_place_means_nothing_after_long_or_after_a_cut():
    for missed, cut in ((tracks.PATIENCE + 1, False), (0, True)):
        tracker = tracks.Tracker()
        tracker.follow([BOX], [ANN])
        for _ in range(missed):
            tracker.follow([], [])
        assert tracker.follow([BOX], [NEITHER], cut) == [1]
    tracker = tracks.Tracker()
    tracker.follow([BOX], [ANN])
    assert tracker.follow([BOX], [NEITHER]) == [0]


def test_somebody_who_looks_wholly_different_is_somebody_else_in_the_same_place():
    tracker = tracks.Tracker()
    tracker.follow([BOX], [ANN])
    assert tracker.follow([BOX], [BOB]) == [1]


def test_two_who_look_alike_at_the_same_time_are_two():
    tracker = tracks.Tracker()
    assert tracker.follow([BOX, ELSEWHERE], [ANN, ANN]) == [0, 1]
    assert tracker.follow([ELSEWHERE, BOX], [ANN, ANN]) == [1, 0]


@pytest.mark.parametrize(("first", "second"), [([ANN], None), (None, [ANN])])
def test_looks_of_some_frames_alone_are_refused(first, second):
    tracker = tracks.Tracker()
    tracker.follow([BOX], first)
    assert tracker.follow([], None) == []
    with pytest.raises(ValueError, match="of all frames or of none"):
        tracker.follow([BOX], second)
