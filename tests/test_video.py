"""From a video file to what is said of the persons in it."""

import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import cv2
import films
import jsonschema
import numpy as np
import pytest

from src import InputError, video
from src.data import footage
from src.detector import bundle, load, network
from src.detector.calibration import calibrate
from src.detector.clip import Clip
from src.detector.persons import Sighting, Track
from src.report import film

SCHEMA = json.loads((Path(video.__file__).parent / "clip.schema.json").read_text())
WRITTEN = {"clip.json", "clip.png", "clip.mp4", "clip.webm"}


@pytest.fixture(scope="module")
def framed(tiny_model, make_card, tmp_path_factory):
    """Return a bundle that looks for faces; it takes every face for fake."""
    logits = np.concatenate([np.arange(399) - 1000.0, np.arange(79) - 700.0])
    labels = np.repeat([0, 1], [399, 79])
    names = list(map(str, range(len(logits))))
    found = calibrate(logits, labels, ["set"] * len(names), names)
    folder = tmp_path_factory.mktemp("framed") / "detector"
    folder.mkdir()
    card = make_card(framing=0.6, calibration=found.to_dict())
    bundle.save(folder, network.probability(tiny_model), card)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Return six seconds with two persons, one of whom leaves and comes back."""
    return films.write(tmp_path_factory.mktemp("film") / "clip.mp4", films.meeting(), rate=5)


@pytest.fixture(scope="module")
def judged(framed, clip):
    return video.judge(clip, load(framed))


@pytest.fixture
def judge(run, framed, tmp_path):
    """Return a function that runs `deepfake video` into a folder of its own."""

    def call(path, *arguments, output=tmp_path / "out"):
        return run("video", path, "--output", output, "--model", framed, *arguments)

    return call


def test_a_timeline_never_says_that_a_person_is_fake_for_certain(judged):
    sure = [replace(track, p_fake=0.9998) for track in judged.tracks]
    rows = video.timeline(replace(judged, tracks=tuple(sure))).axes
    titles = [axes.get_title(loc) for axes in rows for loc in ("left", "center")]
    said = [title for title in titles if title]
    assert [title.split(";")[0] for title in said] == [
        f"person {track.id}: {track.verdict}, p_fake >0.999" for track in sure
    ]


def test_one_person_is_one_track_who_leaves_and_comes_back_too(judged):
    staying, returning = judged.tracks
    assert [track.id for track in judged.tracks] == [1, 2]
    assert judged.sampled == 12 and len(judged.survey.times) == 30
    assert [one.time for one in staying.sightings] == pytest.approx(
        [one / 2 + 0.2 for one in range(12)], abs=0.21
    )
    times = np.array([one.time for one in returning.sightings])
    assert len(times[times < 1.6]) == 3 and len(times[times > 4.2]) == 3
    assert len(times) == 6
    assert judged.stretches(returning) == [(times[0], times[2]), (times[3], times[5])]
    assert judged.stretches(staying) == [(staying.sightings[0].time, staying.sightings[-1].time)]
    lefts = [one.box[0] for one in staying.sightings]
    assert lefts == sorted(lefts) and lefts[-1] > lefts[0] + 80
    assert staying.sightings[-1].box[2] > 1.15 * staying.sightings[0].box[2]


def test_the_files_say_what_was_judged(judge, judged, clip, tmp_path):
    result = judge(clip)
    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == WRITTEN
    said = json.loads((tmp_path / "out" / "clip.json").read_text())
    jsonschema.validate(said, SCHEMA)
    assert said["path"] == str(clip)
    assert said["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert said["calibration"] == "calibrated on stills, not on video"
    assert (said["verdict"], said["reasons"]) == ("fake", [])
    assert len(said["tracks"]) == 2
    for track, known in zip(said["tracks"], judged.tracks, strict=True):
        assert set(track) == {
            *("id", "verdict", "p_fake", "reasons", "stretches", "moments", "frames")
        }
        assert track["verdict"] == "fake" and track["p_fake"] == pytest.approx(known.p_fake)
        assert sum(moment["share"] for moment in track["moments"]) >= 0.5
        for frame, one in zip(track["frames"], known.sightings, strict=True):
            assert set(frame) == {"time", "box", "p_fake"}
            assert frame["time"] == pytest.approx(one.time, abs=1e-3)
            assert frame["p_fake"] == pytest.approx(one.p_fake, abs=1e-6)
    assert "fake" in result.stdout and "person 2: 6 frames" in result.stdout
    assert "calibrated on stills, not on video" in result.stderr


def test_the_annotated_video_shows_the_boxes_at_their_times(judge, clip, tmp_path):
    judge(clip)
    before = dict(footage.read(clip, range(30)))
    for suffix in ("mp4", "webm"):
        path = tmp_path / "out" / f"clip.{suffix}"
        assert len(footage.survey(path).times) == 30
        for number, frame in footage.read(path, [1, 15]):
            changed = cv2.absdiff(frame, before[number]).mean(axis=2)
            assert changed[20:150, 10:200].max() > 60
            # The second person is there at first, and away in the middle.
            assert (changed[20:130, 290:].max() > 60) == (number == 1)


def test_the_heat_in_the_film_is_that_of_the_answer_and_the_film_says_of_which(
    tmp_path, monkeypatch
):
    path = films.write(tmp_path / "clip.mp4", [films.composed()] * 5, rate=5)
    survey, whole = footage.survey(path), (20.0, 40.0, 200.0, 160.0)
    evidence = np.float32([[2, 0, -1]] * 3)
    seen = Sighting(0.4, (60.0, 60.0, 80.0, 80.0), whole, 0.3, -0.8, evidence)
    marks: list[film.Mark] = []
    monkeypatch.setattr(film, "paint", lambda image, found: marks.extend(found) or image)
    for p_fake, answer, heat in ((0.9, "fake", [1, 0, 0]), (0.1, "real", [0, 0, 1])):
        track = Track(7, "inconclusive", p_fake, 1.0, (), (), (seen,))
        clip = Clip(str(path), "", "fake", (), "", survey, (0.4,), (track,))
        marks.clear()
        video.annotate(clip, [tmp_path / "out.mp4"])
        assert len(marks) == 5
        for mark in marks:
            np.testing.assert_array_equal(mark.heat, [heat] * 3)
            assert mark.text == f"7: inconclusive {p_fake:.3f}"
            assert mark.note == f"frame 0.300, evidence for {answer}"


def test_json_on_stdout_is_the_file(judge, clip, tmp_path):
    result = judge(clip, "--json", "--no-annotate", "--frames", 2)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"clip.json", "clip.png"}
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "clip.json").read_text())
    assert json.loads(result.stdout)["sampled"] == 2
    once = judge(clip, "--no-annotate", "--frames", 1, "--overwrite")
    assert re.search(r"person 1: 1 frame, \d+\.\d s", once.stdout)  # a moment, and no stretch


def test_a_short_scene_is_not_passed_over_where_scenes_are_sampled(judge, tmp_path):
    one, other = films.composed((1, 30, 20, 150)), films.composed((5, 230, 60, 160))
    other[other == 110] = 220
    path = films.write(tmp_path / "clip.mp4", [one] * 26 + [other] * 4, rate=10)
    for way, frames in (("even", [2]), ("scene", [1, 1])):
        result = judge(
            *(path, "--sample", way, "--frames", 2),
            *("--no-annotate", "--json", "--overwrite"),
        )
        tracks = json.loads(result.stdout)["tracks"]
        assert [len(track["frames"]) for track in tracks] == frames


def test_without_a_face_there_are_no_tracks(judge, tmp_path):
    path = films.write(tmp_path / "clip.mp4", [films.composed()] * 5)
    result = judge(path, "--json")
    said = json.loads(result.stdout)
    jsonschema.validate(said, SCHEMA)
    assert (result.exit_code, said["tracks"]) == (0, [])
    assert (said["verdict"], said["reasons"]) == ("inconclusive", ["no_face"])
    assert "no face was found" in result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == WRITTEN


def test_a_film_that_was_cut_off_is_judged_as_far_as_it_goes(judge, tmp_path):
    path = films.write(tmp_path / "clip.avi", films.meeting(), "MJPG", rate=5)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    said = json.loads(judge(path, "--json", "--frames", 6).stdout)
    assert said["frames"] < 20 and said["sampled"] == 6
    assert said["duration"] == pytest.approx(said["frames"] / 5)
    assert len(said["tracks"][0]["frames"]) == 6


def test_nothing_is_overwritten_unasked(judge, clip, tmp_path):
    assert judge(clip, "--no-annotate", "--frames", 1).exit_code == 0
    before = (tmp_path / "out" / "clip.json").read_bytes()
    refused = judge(clip, "--no-annotate", "--frames", 2)
    assert refused.exit_code == 2 and "--overwrite" in refused.stderr
    assert (tmp_path / "out" / "clip.json").read_bytes() == before
    assert judge(clip, "--no-annotate", "--frames", 2, "--overwrite").exit_code == 0


def test_an_output_that_is_a_file_is_told_before_anything_is_judged(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="a folder was expected, but this is a file"):
        video.places(Path("clip.mp4"), tmp_path / "out", overwrite=True)


def test_a_folder_that_opencv_cannot_write_to_is_told_before_anything_is_judged(tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(InputError, match="in UTF-8 was expected: rename it"):
        video.places(Path("clip.mp4"), odd)
    assert video.places(Path("clip.mp4"), odd, annotated=False) == [
        odd / "clip.json",
        odd / "clip.png",
    ]


def test_the_video_itself_is_never_replaced(judge, clip):
    before = clip.read_bytes()
    refused = judge(clip, "--overwrite", output=clip.parent)
    assert refused.exit_code == 2 and "another --output" in refused.stderr
    assert clip.read_bytes() == before and list(clip.parent.iterdir()) == [clip]


@pytest.mark.parametrize("content", [None, b"", b"no video at all" * 100])
def test_what_is_no_video_is_one_line_and_writes_nothing(judge, tmp_path, content):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    result = judge(path)
    assert result.exit_code == 2
    assert result.stderr.strip().splitlines()[-1].startswith(f"Error: {path}")
    assert not (tmp_path / "out").exists()


def test_a_detector_that_is_not_calibrated_says_so(run, bundle_folder, clip, tmp_path):
    result = run("video", clip, "--output", tmp_path / "o", "--model", bundle_folder,
                 "--no-annotate", "--frames", 3)  # fmt: skip
    assert result.exit_code == 0
    assert "no error rate is promised" in result.stderr
    # Trained on whole images, it takes the whole picture for the person.
    (track,) = json.loads((tmp_path / "o" / "clip.json").read_text())["tracks"]
    assert track["frames"][0]["box"] == [0, 0, 426, 240]
