"""Persons seen in many frames: their verdicts, and what carries them."""

from dataclasses import replace

import numpy as np
import pytest

from src.detector import verdict
from src.detector.calibration import calibrate
from src.detector.persons import Moment, Sighting, Track, judge, moments
from src.detector.temporal import Head
from src.detector.verdict import Verdict


def sighting(logit, time=0.0, *reasons):
    box = (0, 0, 50, 50)
    p_fake = 1 / (1 + np.exp(-logit))
    return Sighting(time, box, box, p_fake, logit, np.zeros((2, 2), np.float32), reasons)


def person(*logits):
    return [sighting(float(logit), 0.5 * n) for n, logit in enumerate(logits)]


def calibrated(reals, fakes):
    logits = np.concatenate([reals, fakes]).astype(float)
    labels = np.repeat([0, 1], [len(reals), len(fakes)])
    return calibrate(logits, labels, ["set"] * len(logits), list(map(str, range(len(logits)))))


@pytest.fixture(scope="module")
def calibration():
    """Reals at 0 to 398, fakes at 350 to 428."""
    return calibrated(np.arange(399), np.arange(79) + 350)


def said(persons, calibration):
    tracks, decided = judge(persons, calibration)
    return [track.verdict for track in tracks], decided


def test_a_person_is_fake_or_real_where_every_frame_says_so(calibration):
    assert said([person(*[500] * 10)], calibration) == (["fake"], Verdict("fake"))
    assert said([person(*[-10] * 10)], calibration) == (["real"], Verdict("real"))


def test_frames_must_be_twice_as_unusual_as_a_still(calibration):
    # 3 in 400: enough for one still at 1 %, and twice that is too much.
    assert calibration.passes(calibration.p_value(396.5, 1))
    assert said([person(*[396.5] * 10)], calibration)[0] == ["inconclusive"]
    assert said([person(*[398.5] * 10)], calibration)[0] == ["fake"]


def test_one_frame_that_could_be_real_is_enough_for_doubt(calibration):
    words, decided = said([person(*[500] * 9, 100)], calibration)
    assert words == ["inconclusive"]
    assert decided == Verdict("inconclusive", (verdict.BETWEEN_THRESHOLDS,))


def test_many_frames_take_twice_as_many_calibration_images():
    enough, few = (calibrated(np.arange(n), np.arange(39) + 1000) for n in (199, 198))
    frames = person(*[3000] * 4)
    assert said([frames], enough)[0] == ["fake"]
    _, decided = judge([frames], few)
    assert decided == Verdict("inconclusive", (verdict.TOO_FEW_FOR_VIDEO,))
    # The fakes suffice, so real can be said.
    assert said([person(*[-5] * 4)], few)[0] == ["real"]
    assert said([person(*[-5] * 4)], calibrated(np.arange(198), np.arange(38) + 1000))[0] == [
        "inconclusive"
    ]


@pytest.mark.parametrize("alike", [0.0, 0.7, 1.0])
def test_false_alarms_are_bounded_however_alike_the_frames_are(alike):
    rng = np.random.default_rng(4)
    alarms, missed = [], []
    for _ in range(12):
        found = calibrated(rng.normal(size=299), rng.normal(1, 1, 59))
        for _ in range(100):
            same, frames = rng.normal(), rng.normal(size=5)
            logits = alike * same + np.sqrt(1 - alike**2) * frames
            alarms.append(said([person(*logits)], found)[0] == ["fake"])
            missed.append(said([person(*(1 + logits))], found)[0] == ["real"])
    assert np.mean(alarms) <= 0.01 + 3 * np.sqrt(0.01 / len(alarms))
    assert np.mean(missed) <= 0.05 + 3 * np.sqrt(0.05 / len(missed))


def test_several_persons_are_judged_as_several_faces_are(calibration):
    lying, honest = person(*[500] * 5), person(*[-10] * 5)
    assert said([honest, honest], calibration)[1] == Verdict("real")
    assert said([honest, lying], calibration) == (["real", "fake"], Verdict("fake"))
    # 399 real faces bear two persons at 1 %, not three.
    words, decided = said([honest, lying, honest], calibration)
    assert words == ["real", "fake", "real"]
    assert decided == Verdict("inconclusive", (verdict.TOO_MANY_FACES,))


def test_who_is_seen_in_one_frame_is_listed_and_has_no_say_where_another_is_seen_in_many(
    calibration, tracks
):
    """Whatever the network sees there: the number of frames alone tells."""
    for logit, word in ((500, "fake"), (-10, "real")):
        for brief in (500, -10, 200):
            for known in ((calibration,), (calibration, 1.0, tracks), ()):
                persons = [person(brief), person(*[logit] * 5), person(brief)]
                told, decided = judge(persons, *known)
                assert [one.verdict for one in told] == ["inconclusive", word, "inconclusive"]
                assert [one.reasons for one in told[::2]] == [(verdict.SEEN_ONCE,)] * 2
                assert [one.id for one in told] == [1, 2, 3]
                assert decided == Verdict(word)
    # Where nobody is seen in many, everybody counts.
    words, decided = said([person(500), person(*[-10] * 4)], calibration)
    assert (words, decided) == (["fake", "real"], Verdict("fake"))
    assert said([person(500)], calibration) == (["fake"], Verdict("fake"))


def test_without_a_person_there_is_no_verdict(calibration):
    assert judge([], calibration) == ([], Verdict("inconclusive", (verdict.NO_FACE,)))


def test_without_calibration_the_mean_decides():
    tracks, decided = judge([person(3, -1), person(-3, 1)], temperature=2.0)
    assert [track.verdict for track in tracks] == ["fake", "real"]
    assert decided == Verdict("fake")
    assert tracks[0].p_fake == pytest.approx(1 / (1 + np.exp(-0.5)))


def test_unfamiliar_frames_are_no_evidence_and_small_ones_do_not_count(calibration):
    clear = person(*[500] * 5)
    small = sighting(0.0, 9.0, verdict.FACE_TOO_SMALL)
    strange = sighting(500.0, 9.0, verdict.UNFAMILIAR)
    assert said([[*clear, small]], calibration)[0] == ["fake"]
    assert said([[*clear, strange]], calibration)[0] == ["inconclusive"]
    for hindrance in (small, strange):
        tracks, _ = judge([[hindrance] * 3], calibration)
        assert tracks[0].verdict == "inconclusive"
        assert tracks[0].reasons == hindrance.reasons
        assert len(tracks[0].sightings) == 3


def test_a_detector_that_tells_all_apart_says_what_is_nearer():
    found = calibrated(np.arange(199) / 1000, 10 + np.arange(39) / 1000)
    assert said([person(9, 9)], found)[0] == ["fake"]
    assert said([person(1, 1)], found)[0] == ["real"]


@pytest.fixture(scope="module")
def tracks():
    """Real persons at 0 to 98, fake ones at 60 to 78."""
    return calibrated(np.arange(99), np.arange(19) + 60)


def test_calibrated_on_video_one_score_a_person_is_judged_as_a_still_is(calibration, tracks):
    def words(*logits):
        told, decided = judge([person(*logits)], calibration, 1.0, tracks)
        return told[0].verdict, decided.word

    # By stills, one frame that could be real is enough for doubt.
    assert words(*[500] * 9, 100) == ("fake", "fake")
    assert words(*[-10] * 9, 300) == ("real", "real")
    assert words(70) == ("inconclusive", "inconclusive")
    told, _ = judge([person(50, 70)], calibration, 1.0, tracks)
    assert told[0].p_fake == pytest.approx(1 / (1 + np.exp(-60 / tracks.temperature)))
    small = sighting(500.0, 0.0, verdict.FACE_TOO_SMALL)
    assert judge([[small] * 3], calibration, 1.0, tracks)[1].reasons == (verdict.FACE_TOO_SMALL,)


def test_false_alarms_on_video_do_not_grow_with_the_number_of_persons(calibration, tracks):
    lying, honest = person(*[500] * 5), person(*[-10] * 5)
    assert judge([lying], calibration, 1.0, tracks)[1] == Verdict("fake")
    # 99 real persons bear one at 1 %, not two.
    _, decided = judge([lying, honest], calibration, 1.0, tracks)
    assert decided == Verdict("inconclusive", (verdict.TOO_MANY_FACES,))


def test_the_temporal_head_speaks_where_its_score_is_calibrated_or_nothing_is(calibration, tracks):
    frames = [replace(one, features=np.array([n])) for n, one in enumerate(person(-9, -9, -9))]
    frames.append(replace(sighting(0.0, 9.0, verdict.FACE_TOO_SMALL), features=np.array([99])))
    head = Head(3, lambda clips: 100 + clips.sum((1, 2)))
    for known in ({"tracks": tracks}, {}):
        (track,), decided = judge([frames], calibration if known else None, head=head, **known)
        # In which the face is too small counts not, as everywhere.
        assert (track.logit, decided.word) == (103, "fake")
        assert track.moments == (), "no frame by itself speaks for it"
    (track,), decided = judge([frames], calibration, head=head)
    assert (track.logit, decided.word) == (-9, "real")


def test_moments_are_the_fewest_frames_that_hold_half_of_what_speaks():
    found = moments(person(1, 4, 5, 0, -3, 6, 0, 0), True)
    assert found == (Moment(1.0, 1.0, 5 / 16), Moment(2.5, 2.5, 6 / 16))
    assert moments(person(0, 4, 4, 4, 0), True) == (Moment(0.5, 1.0, pytest.approx(2 / 3)),)
    # What speaks for fake does not carry the answer real.
    assert moments(person(1, -2, -8, 1), False) == (Moment(1.0, 1.0, 0.8),)
    assert moments(person(0, 0), True) == ()


def presence(*places, p_fake=0.9):
    evidence = np.array([[1.0, -2.0]])
    sightings = tuple(
        Sighting(time, (left, 0, 10, 10), (left - 5, 0, 20, 20), 0.1 * n, 0.0, evidence)
        for n, (time, left) in enumerate(places)
    )
    return Track(1, "fake", p_fake, 0.0, (), (), sightings)


def test_a_box_moves_steadily_and_the_score_is_that_of_the_nearer_frame():
    person = presence((1.0, 0.0), (2.0, 100.0))
    shown = person.at(1.25, 1.0)
    assert shown.box == (25, 0, 10, 10) and shown.region == (20, 0, 20, 20)
    assert shown.p_fake == 0 and person.at(1.75, 1.0).p_fake == pytest.approx(0.1)
    assert person.at(1.0, 1.0).box[0] == 0 and person.at(2.0, 1.0).box[0] == 100


def test_who_was_not_seen_for_long_is_not_shown():
    person = presence((1.0, 0.0), (5.0, 100.0))
    assert person.at(1.4, 1.0).box[0] == 0 and person.at(4.6, 1.0).box[0] == 100
    for away in (0.4, 1.6, 3.0, 4.4, 5.6):
        assert person.at(away, 1.0) is None


def test_the_heat_is_for_the_likelier_answer():
    for p_fake, heat in ((0.9, [[1, 0]]), (0.1, [[0, 2]])):
        person = presence((1.0, 0.0), p_fake=p_fake)
        np.testing.assert_array_equal(person.heat(person.at(1.0, 1.0)), heat)
