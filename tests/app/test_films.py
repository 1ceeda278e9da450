"""Videos over HTTP, judged by how red the persons in them are."""

import asyncio
import hashlib
import io
import json
import os
import sys
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

import films
import httpx2 as httpx
import jsonschema
import numpy as np
import pytest
from PIL import Image
from redness import BLUE, RED, SIZE, Redness, encoded, plain, post, problem
from running import running

from app import judging, videos
from app.problems import Problem
from src import video
from src.data import footage
from src.detector.detector import Detector

SCHEMA = json.loads((Path(video.__file__).parent / "clip.schema.json").read_text())
FRAMED = {"framing": 0.5}


def scene(number: int, colour: tuple[int, int, int] = (240, 0, 0)) -> np.ndarray:
    """Return a frame with one green face that moves: (96, 160, 3) uint8 RGB."""
    image = plain(*colour, 160, 96)
    image[30:62, 20 + number : 52 + number] = (0, 255, 0)
    return image


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Return a film of three seconds with one face, as bytes."""
    path = films.write(tmp_path_factory.mktemp("film") / "a.mp4", map(scene, range(30)), rate=10)
    return path.read_bytes()


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Return a film of which 80 frames are looked at, as bytes."""
    frames = map(scene, [n % 90 for n in range(400)])
    return films.write(tmp_path_factory.mktemp("film") / "b.mp4", frames, rate=10).read_bytes()


def send(client, content, name="a.mp4", **fields):
    return client.post("/video", files={"file": (name, content)}, data=fields)


def forgotten() -> set[str]:
    """Return the files that this process has open and that have no name, but for pytest's own."""
    links = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            links.add(str(Path(f"/proc/self/fd/{number}").readlink()))
        except OSError:
            continue
    return {link for link in links if link.endswith("(deleted)")} - CAPTURED


CAPTURED: set[str] = set()


@pytest.fixture(autouse=True)
def _captured():
    CAPTURED.clear()
    CAPTURED.update(forgotten())


def settled(client) -> bool:
    """Wait until nothing of any video is left, and tell whether that came."""
    service = client.app.state.service
    for _ in range(200):
        left = service.stored.bytes or service.videos.inside or service.queue.inside
        if not left and not forgotten():
            return True
        time.sleep(0.05)
    return False


def test_answer_is_what_the_command_writes_and_a_little(serve, clip, tmp_path):
    client = serve(card=FRAMED)
    path = tmp_path / "a.mp4"
    path.write_bytes(clip)
    answer = send(client, clip).json()
    assert answer.pop("milliseconds") > 0
    assert set(answer.pop("model")) == {"name", "version"}
    jsonschema.validate(answer, SCHEMA)
    said = video.judge(path, client.app.state.service.detector).to_dict()
    assert answer == json.loads(json.dumps(said | {"path": "a.mp4"}))
    assert answer["sha256"] == hashlib.sha256(clip).hexdigest()
    (track,) = answer["tracks"]
    assert len(track["frames"]) == 6
    assert settled(client)


def test_what_the_rates_rest_on_is_that_of_the_detector(serve, clip, calibration):
    tracks = {"calibration": calibration, "sampled": "2 frames a second, even"}
    answer = send(serve(card=FRAMED | {"tracks": tracks}), clip).json()
    assert answer["calibration"].startswith(video.ON_VIDEO)
    said = send(serve(card=FRAMED | {"calibration": None}), clip).json()
    assert said["calibration"] == video.NOT_CALIBRATED


def test_faces_are_looked_for_as_asked(serve, clip):
    client = serve(card=FRAMED)
    (track,) = send(client, clip, faces="off").json()["tracks"]
    assert track["frames"][0]["box"] == [0, 0, 160, 96]
    assert problem(send(client, clip, faces="some")) == (400, "bad_field")
    assert problem(send(client, clip, answer="gif")) == (400, "bad_field")
    assert problem(send(serve(), clip, faces="largest")) == (409, "no_framing")


def test_without_a_face_there_are_no_tracks(serve, tmp_path):
    path = films.write(tmp_path / "a.mp4", [plain(240, 0, 0)] * 5)
    answer = send(serve(card=FRAMED), path.read_bytes()).json()
    assert (answer["tracks"], answer["verdict"], answer["reasons"]) == (
        *([], "inconclusive", ["no_face"]),
    )


def test_timeline_and_annotated_video_are_there_for_the_asking(serve, clip, tmp_path, engine):
    client = serve(card=FRAMED)
    drawn = send(client, clip, answer="png")
    assert drawn.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(drawn.content)).format == "PNG"
    engine.batches.clear()
    film = send(client, clip, answer="webm")
    assert film.headers["content-type"] == "video/webm"
    # What was said of the same bytes is remembered.
    assert engine.batches == []
    (tmp_path / "b.webm").write_bytes(film.content)
    assert len(footage.survey(tmp_path / "b.webm").times) == 30
    assert settled(client)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", (400, "no_file")),
        (b"#EXTM3U\n#\xff\nfile:///etc/passwd\n", (415, "not_a_video")),
        (b"ffconcat version 1.0\n#\xff\nfile a.mp4\n", (415, "not_a_video")),
        (RED, (415, "not_a_video")),
        (b"\0\0\0\x18ftypisom" + bytes(500), (422, "undecodable")),
        (bytes(300_000), (413, "too_large")),
    ],
    ids=["empty", "playlist", "concat", "picture", "damaged", "bytes"],
)
def test_what_cannot_be_judged_is_a_problem(serve, content, expected):
    client = serve(max_video_bytes=200_000)
    response = send(client, content)
    assert problem(response) == expected
    assert "/dev/fd" not in response.text
    assert settled(client)


def test_films_that_are_too_long_or_too_large_are_refused(serve, clip, monkeypatch):
    client = serve(max_video_seconds=2.0)
    response = send(client, clip)
    assert problem(response) == (413, "too_long")
    assert "lasts 3 s or more; at most 2 s" in response.json()["detail"]
    monkeypatch.setattr(footage, "MAX_PIXELS", 160 * 96 - 1)
    assert problem(send(client, clip)) == (413, "too_many_pixels")


def test_cut_off_and_mutated_films_are_answered(serve, clip):
    client = serve(card=FRAMED)
    rng = np.random.default_rng(0)
    for _ in range(25):
        data = bytearray(clip)
        for at in rng.integers(len(data), size=20):
            data[at] = rng.integers(256)
        response = send(client, bytes(data[: rng.integers(len(data))]))
        assert response.status_code in (200, 413, 415, 422)
        if response.status_code != 200:
            problem(response)
    assert settled(client)


def test_pictures_are_answered_while_videos_are_judged(serve, clip, engine):
    client = serve(card=FRAMED, deadline=20)
    engine.go.clear()
    with ThreadPoolExecutor(3) as pool:
        films_asked = [pool.submit(send, client, clip + bytes([n])) for n in range(2)]
        wait_for(lambda: client.app.state.service.videos.inside == 2)
        refused = send(client, clip)
        assert problem(refused) == (503, "busy")
        assert int(refused.headers["retry-after"]) > 1
        picture = pool.submit(post, client, "/predict", RED)
        engine.go.set()
        assert picture.result().status_code == 200
        assert [one.result().status_code for one in films_asked] == [200, 200]
    assert settled(client)


def test_of_videos_that_arrive_together_those_without_a_place_are_refused(make_app, clip, engine):
    here = Event()

    class Slow(io.BytesIO):
        def read(self, *size):
            assert here.wait(20)
            return super().read(*size)

    app = make_app(card=FRAMED, videos=1)
    with running(app) as url, ThreadPoolExecutor(2) as pool:
        engine.go.clear()
        files = [{"file": ("a.mp4", Slow(clip))} for _ in range(2)]
        asked = [pool.submit(httpx.post, f"{url}/video", files=one, timeout=40) for one in files]
        wait_for(lambda: len(app.state.service.stored._arriving) == 2)
        here.set()
        wait(asked, timeout=10, return_when=FIRST_COMPLETED)
        engine.go.set()
        assert sorted(one.result().status_code for one in asked) == [200, 503]


def wait_for(condition) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_no_more_than_some_faces_of_a_video_stand_before_a_picture(serve, long, engine):
    client = serve(card=FRAMED, batch_size=16)
    before = len(engine.batches)
    answer = send(client, long).json()
    assert answer["sampled"] == 80
    # Two batches of a video are under way and a third is asked for, of four faces each.
    assert max(engine.batches[before:]) <= 12


def test_deadline_that_passes_is_said_and_leaves_nothing(serve, long, engine):
    client = serve(card=FRAMED, video_deadline=0.5)
    engine.batches.clear()
    engine.go.clear()
    assert problem(send(client, long)) == (504, "deadline")
    engine.go.set()
    assert settled(client)
    # Nobody goes on with what nobody waits for.
    assert sum(engine.batches) < 40
    assert post(client, "/predict", BLUE).status_code == 200


def test_whoever_goes_away_leaves_nothing(make_app, clip, engine):
    app = make_app(card=FRAMED)
    with running(app) as url:
        service = app.state.service
        engine.go.clear()
        with pytest.raises(httpx.TimeoutException):
            httpx.post(f"{url}/video", files={"file": ("a.mp4", clip)}, timeout=1)
        wait_for(lambda: not (service.videos.inside or service.queue.inside))
        engine.go.set()
        wait_for(lambda: not forgotten())
        assert service.stored.bytes == 0


def test_videos_that_are_under_way_when_it_stops_are_told_and_leave_nothing(make_app, clip, engine):
    async def story() -> None:
        service = make_app(card=FRAMED).state.service
        engine.go.clear()
        service.queue.start()
        with tempfile.TemporaryFile() as file:
            file.write(clip)
            file.flush()
            asked = [asyncio.create_task(service.videos.judge(file, "auto")) for _ in range(3)]
            while not engine.batches:
                await asyncio.sleep(0.01)
            service.videos.stop()
            for one in await asyncio.gather(*asked, return_exceptions=True):
                assert isinstance(one, Problem) and one.code == "busy"
        engine.go.set()
        await service.queue.stop()

    asyncio.run(story())
    wait_for(lambda: not forgotten())


def test_uploads_have_no_name_on_the_disk(serve, clip, tmp_path, monkeypatch, engine):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    client = serve(card=FRAMED)
    engine.go.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(send, client, clip)
        wait_for(lambda: client.app.state.service.videos.inside == 1)
        assert list(folder.iterdir()) == []
        assert {link.startswith(str(folder)) for link in forgotten()} == {True}
        engine.go.set()
        assert asked.result().status_code == 200
    assert send(client, clip, answer="webm").status_code == 200
    assert list(folder.iterdir()) == []
    assert settled(client)


def test_videos_are_in_the_history(serve, clip, tmp_path):
    client = serve(card=FRAMED, history=tmp_path / "verdicts.sqlite")
    answer = send(client, clip).json()
    (row,) = client.get("/history").json()["verdicts"]
    assert (row["sha256"], row["verdict"]) == (answer["sha256"], answer["verdict"])
    assert row["p_fake"] == answer["tracks"][0]["p_fake"]


def test_a_key_pays_for_every_frame_that_is_looked_at(serve, clip, tmp_path):
    from click.testing import CliRunner

    from app.new_key import command

    made = CliRunner().invoke(command, ["ana"])
    (tmp_path / "keys.txt").write_text(made.stdout)
    client = serve(card=FRAMED, api_keys=tmp_path / "keys.txt", rate=5)
    assert problem(send(client, clip)) == (401, "no_key")
    client.headers["Authorization"] = f"Bearer {made.stderr.split()[-1]}"
    assert send(client, clip).json()["sampled"] == 6
    assert problem(send(client, clip)) == (429, "rate")


def test_small_and_many_parts_are_no_videos(serve, clip):
    client = serve()
    assert problem(client.post("/video")) == (400, "no_file")
    assert problem(client.post("/video", json={})) == (415, "not_a_form")
    files = [("file", ("a.mp4", clip)), ("file", ("b.mp4", clip))]
    assert problem(client.post("/video", files=files)) == (400, "bad_form")
    assert problem(send(client, b"x")) == (415, "not_a_video")
    assert problem(send(client, encoded(plain(1, 2, 3), "GIF"))) == (415, "not_a_video")
    assert settled(client)


def test_whoever_comes_while_it_stops_is_told_and_leaves_nothing(serve, clip):
    client = serve(card=FRAMED)
    client.app.state.service.videos.stop()
    assert problem(send(client, clip)) == (503, "busy")
    assert settled(client)


@pytest.mark.skipif(sys.platform != "linux", reason="threads share a priority elsewhere")
def test_videos_stand_behind_pictures_whatever_priority_the_service_has():
    def story():
        before = os.nice(9)
        videos._stand_back()
        return os.nice(0) - before

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(story).result() == videos.NICER


def test_faces_of_a_video_keep_what_a_temporal_head_takes(make_bundle):
    """They wait in one queue with others, and come back in the order in which they went in."""

    class Featured(Redness):
        def run(self, images):
            return super().run(images) | {"features": np.asarray(images, float).mean((1, 2))}

    pictures = np.stack([plain(level, 0, 0, SIZE, SIZE) for level in (0, 40, 80, 120, 160)])
    faces = [pictures[:3], pictures[3:]]
    first, second = judging.judge(Detector(make_bundle()[1], Featured()), faces, batch_size=2)
    assert [one.features[0] for one in first] == [0, 40, 80]
    assert [one.features[0] for one in second] == [120, 160]
    assert {one.unfamiliarity for one in first} == {None}
