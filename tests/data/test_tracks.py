"""One person stays one person."""

import numpy as np

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
