import io
import re
import struct
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from html import escape

import numpy as np
import pytest
from PIL import Image
from redness import BLUE, GREY, RED, SIZE, encoded, plain, post, problem
from starlette.testclient import TestClient

from app import answers, clips, explaining, judging
from src import InputError
from src.data import pixels
from src.detector import verdict

POSTS = ("/predict", "/predict/batch", "/gradcam", "/report", "/explain")


def two_faces() -> bytes:
    image = plain(240, 0, 0, 200, 100)
    image[20:60, 20:60] = image[30:60, 150:180] = (0, 255, 0)
    return encoded(image)


@pytest.mark.parametrize(
    ("picture", "label"), [(RED, "Fake"), (BLUE, "Real"), (GREY, "Inconclusive")]
)
def test_label_and_confidence_go_together(client, picture, label):
    answer = post(client, "/predict", picture).json()
    p_fake = answer["p_fake"]
    assert answer["label"] == label
    assert answer["verdict"] == label.lower()
    wanted = {"Fake": p_fake, "Real": 1 - p_fake, "Inconclusive": max(p_fake, 1 - p_fake)}
    assert answer["confidence"] == pytest.approx(wanted[label])
    assert answer["confidence"] >= 0.5
    assert answer["reasons"] == (["between_thresholds"] if label == "Inconclusive" else [])


def test_answer_is_what_the_detector_says_of_the_file(client, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(RED)
    said = client.app.state.service.detector.predict(path)
    answer = post(client, "/predict", RED).json()
    assert answer["p_fake"] == said.p_fake
    assert answer["sha256"] == said.sha256
    assert (answer["width"], answer["height"]) == (64, 48)
    assert set(answer["model"]) == {"name", "version"}


def test_evidence_adds_up_to_the_logit(client):
    whole = post(client, "/predict", RED).json()["whole"]
    assert np.sum(whole["evidence"]) + whole["bias"] == pytest.approx(whole["logit"], abs=1e-4)
    assert whole["region"] == [0, 0, 64, 48]


def test_every_face_has_its_verdict_and_evidence(serve):
    client = serve(card={"framing": 0.5})
    answer = post(client, "/predict", two_faces()).json()
    assert answer["whole"] is None
    assert [face["box"] for face in answer["faces"]] == [[20, 20, 40, 40], [150, 30, 30, 30]]
    for face in answer["faces"]:
        left, top, width, height = face["region"]
        assert left >= 0 and top >= 0 and left + width <= 200 and top + height <= 100
        assert np.shape(face["evidence"]) == (4, 4)
        assert face["verdict"] in ("fake", "real", "inconclusive")
    assert answer["p_fake"] == max(face["p_fake"] for face in answer["faces"])
    one = post(client, "/predict", two_faces(), faces="largest").json()
    assert one["faces"] == answer["faces"][:1]
    whole = post(client, "/predict", two_faces(), faces="off").json()
    assert whole["faces"] == []
    assert whole["whole"]["region"] == [0, 0, 200, 100]


def test_no_face_is_said(serve):
    answer = post(serve(card={"framing": 0.5}), "/predict", RED).json()
    assert answer["label"] == "Inconclusive"
    assert answer["reasons"] == answer["whole"]["reasons"] == ["no_face"]


def test_same_bytes_are_judged_once_for_each_way(serve, engine):
    client = serve(card={"framing": 0.5})
    engine.batches.clear()
    first, again = (post(client, "/predict", two_faces()).json() for _ in range(2))
    assert again.pop("milliseconds") >= 0
    assert again == {name: value for name, value in first.items() if name != "milliseconds"}
    assert engine.batches == [2]
    post(client, "/predict", two_faces(), faces="off")
    assert engine.batches == [2, 1]
    assert "deepfake_remembered_total 1.0" in client.get("/metrics").text


@pytest.mark.parametrize("path", ["/predict", "/gradcam", "/report", "/explain"])
def test_an_upload_is_decoded_once_and_judged_once(client, engine, monkeypatch, path):
    decoded, read = [], pixels.read
    monkeypatch.setattr(pixels, "read", lambda *args: decoded.append(1) or read(*args))
    engine.batches.clear()
    assert post(client, path, RED).status_code == 200
    assert len(decoded) == 1
    # An explanation also looks at four mild re-encodings.
    assert engine.batches == ([1, 4] if path in ("/report", "/explain") else [1])


def test_memory_of_answers_is_bounded(serve, engine):
    client = serve(remembered=2)
    pictures = [encoded(plain(red, 0, 0)) for red in (10, 20, 30)]
    for picture in pictures:
        post(client, "/predict", picture)
    engine.batches.clear()
    post(client, "/predict", pictures[2])
    assert engine.batches == []
    post(client, "/predict", pictures[0])
    assert engine.batches == [1]


def test_one_bad_file_never_fails_the_batch(client):
    response = post(client, "/predict/batch", RED, b"no picture", b"", BLUE, name="files")
    assert response.status_code == 200
    results = response.json()["results"]
    assert [entry["name"] for entry in results] == ["0.png", "1.png", "2.png", "3.png"]
    assert [entry["answer"] and entry["answer"]["label"] for entry in results] == [
        *("Fake", None, None, "Real")
    ]
    assert [entry["problem"] and entry["problem"]["code"] for entry in results] == [
        *(None, "not_an_image", "no_file", None)
    ]


def test_batch_larger_than_the_queue_is_answered_whole(serve):
    client = serve(places=2)
    pictures = [encoded(plain(red, 0, 0)) for red in range(20)]
    results = post(client, "/predict/batch", *pictures, name="files").json()["results"]
    assert all(entry["answer"] for entry in results)


def test_gradcam_is_a_png_of_the_image(client):
    response = post(client, "/gradcam", encoded(plain(200, 30, 30, 300, 200)), target="fake")
    assert response.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(response.content)) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width >= 300
        assert drawn.height >= 200


def test_pictures_stay_within_bounds_however_large_the_upload(serve):
    client = serve(card={"framing": 0.5})
    large = np.asarray(Image.open(io.BytesIO(two_faces())).resize((3000, 1500), 0))
    response = post(client, "/gradcam", encoded(large, "JPEG"))
    with Image.open(io.BytesIO(response.content)) as drawn:
        assert 2048 <= drawn.width < 2600


def test_report_stands_alone_and_escapes_names(client):
    files = {"file": ("<script>alert(1)</script>.png", RED)}
    response = client.post("/report", files=files)
    assert response.headers["content-type"].startswith("text/html")
    assert "<script" not in response.text
    assert "&lt;script&gt;" in response.text
    assert not re.findall(r'src="(?!data:)', response.text)
    assert "http-equiv" not in response.text
    answer = post(client, "/predict", RED).json()
    assert answer["sha256"] in response.text
    assert escape(verdict.shown(answer["p_fake"])) in response.text
    assert "On average over calibration sets" in response.text


def test_report_says_why_with_footnotes(client):
    text = post(client, "/report", RED).text
    found = post(client, "/explain", RED).json()
    for sentence in found["sentences"]:
        assert escape(sentence["text"]) in text
    marks = set(re.findall(r'href="#footnote-(\d+)"', text))
    assert marks == set(re.findall(r'id="footnote-(\d+)"', text))
    assert len(marks) == len({name for one in found["sentences"] for name in one["citations"]})
    # In words, not by the names that the code has for them.
    cited = {name for one in found["sentences"] for name in one["citations"]}
    for name in cited & set(found["measurements"]):
        assert f"measured: {escape(found['measurements'][name]['brief'])}" in text
    assert "measured: probability of a fake" in text
    links = re.findall(r'<a href="(http[^"]*)" target="_blank" rel="noopener noreferrer">', text)
    assert set(links) == {note["url"] for note in found["notes"].values()}
    assert text.count("http") == len(links)


def test_root_is_a_page_for_browsers_and_json_for_others(client):
    page = client.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert page.text.startswith("<!doctype html>")
    status = client.get("/").json()
    assert status["ready"] is True
    assert 0 < status["calibration"]["t_real"] <= status["calibration"]["t_fake"] < 1
    assert 0 < status["calibration"]["true_fake"] <= 1
    assert status["faces"] == ["auto", "off"]
    assert status["limits"]["bytes"] == 20_000_000


def test_thresholds_of_the_status_are_those_of_the_verdicts(client):
    known = client.get("/").json()["calibration"]
    for red in range(0, 256, 15):
        answer = post(client, "/predict", encoded(plain(red, 0, 255 - red))).json()
        below, above = answer["p_fake"] < known["t_real"], answer["p_fake"] > known["t_fake"]
        assert answer["label"] == ("Real" if below else "Fake" if above else "Inconclusive")


def test_without_calibration_no_rate_is_claimed(serve):
    client = serve(card={"calibration": None})
    assert client.get("/").json()["calibration"] is None
    assert "No error rate is promised" in post(client, "/report", RED).text


def test_health_card_and_metrics(client):
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}
    assert client.get("/card").json()["image_size"] == SIZE
    post(client, "/predict", RED)
    post(client, "/predict", b"no picture")
    text = client.get("/metrics").text
    for line in (
        'deepfake_requests_total{method="POST",route="/predict",status="200"} 1.0',
        'deepfake_requests_total{method="POST",route="/predict",status="415"} 1.0',
        'deepfake_verdicts_total{verdict="fake"} 1.0',
        'deepfake_rejects_total{code="not_an_image"} 1.0',
        "deepfake_queue_images 0.0",
    ):
        assert line in text.splitlines()
    assert 'deepfake_seconds_count{route="/predict"} 2.0' in text


def test_why_a_service_never_gets_ready_is_in_its_log(make_app, monkeypatch, caplog):
    def fail(*_):
        raise InputError("model.keras is damaged")

    monkeypatch.setattr(judging, "warm_up", fail)
    with TestClient(make_app(), base_url="http://localhost") as client:
        for _ in range(200):
            if caplog.records:
                break
            time.sleep(0.02)
        assert "model.keras is damaged" in caplog.text
        assert problem(client.get("/ready")) == (503, "not_ready")


@pytest.mark.parametrize("path", ["/", "/health"])
def test_heads_are_answered_without_a_body(client, path):
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def bomb() -> bytes:
    """A PNG of a few bytes that claims to have 10,000 million pixels."""
    chunk = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", chunk), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


@pytest.mark.parametrize("path", ["/predict", "/gradcam", "/report", "/explain"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", (400, "no_file")),
        (b"just words", (415, "not_an_image")),
        (encoded(plain(9, 9, 9), "JPEG")[:400], (422, "undecodable")),
        (encoded(plain(9, 9, 9, 300, 300), "BMP"), (413, "too_large")),
        (bomb(), (413, "too_many_pixels")),
        (encoded(plain(9, 9, 9, 1100, 1000)), (413, "too_many_pixels")),
    ],
    ids=["empty", "text", "truncated", "bytes", "bomb", "pixels"],
)
def test_what_cannot_be_judged_is_a_problem(serve, path, content, expected):
    client = serve(max_bytes=200_000, max_pixels=1_000_000)
    assert problem(post(client, path, content)) == expected


def test_pixels_are_counted_before_they_are_decoded(serve, monkeypatch):
    client = serve(max_pixels=1000)
    monkeypatch.setattr(pixels, "read", lambda *_: pytest.fail("decoded"))
    assert problem(post(client, "/predict", RED)) == (413, "too_many_pixels")


@pytest.mark.parametrize("path", POSTS)
def test_requests_without_a_form_are_problems(client, path):
    assert problem(client.post(path)) == (400, "no_file")
    assert problem(client.post(path, json={"file": "x"})) == (415, "not_a_form")
    assert problem(client.post(path, files={"file": ("", b"")}))[0] == 400
    form = {"Content-Type": "multipart/form-data"}
    assert problem(client.post(path, content=b"xyz", headers=form)) == (400, "bad_form")
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    assert problem(client.post(path, content=b"xyz", headers=form)) == (400, "bad_form")
    assert problem(post(client, path, RED, faces="some")) == (400, "bad_field")
    assert problem(post(client, path, RED, faces="largest")) == (409, "no_framing")
    assert problem(post(client, path, RED, faces="x" * 5000)) == (400, "bad_form")


def test_two_files_are_no_one_file(client):
    response = post(client, "/predict", RED, BLUE)
    assert problem(response) == (400, "bad_form")
    assert response.json()["detail"] == "Expected at most 1 file."
    many = post(client, "/predict/batch", *[RED] * 33, name="files")
    assert many.json()["detail"] == "Expected at most 32 files."


def test_unknown_routes_and_methods_are_problems(client):
    assert problem(client.get("/nowhere")) == (404, "not_found")
    assert problem(client.get("/web/settings.py")) == (404, "not_found")
    response = client.get("/predict")
    assert problem(response) == (405, "not_allowed")
    assert response.headers["allow"] == "POST"
    assert problem(client.get("/history")) == (404, "no_history")


def test_large_uploads_are_refused_while_they_arrive(serve):
    client = serve(max_bytes=100_000)
    taken = 0

    def body():
        nonlocal taken
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(1000):
            taken += 1
            yield bytes(10_000)

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    assert problem(client.post("/predict", content=body(), headers=form)) == (413, "too_large")


def test_a_fault_is_no_score_and_tells_nothing(make_app, engine):
    from starlette.testclient import TestClient

    app = make_app()
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        engine.run = lambda _images: 1 / 0
        response = post(client, "/predict", RED)
        assert problem(response) == (500, "fault")
        assert "ZeroDivision" not in response.text


def test_who_comes_when_all_places_are_taken_is_sent_away(serve, engine):
    client = serve(places=3, deadline=10)
    engine.go.clear()
    pictures = [encoded(plain(red, 0, 0)) for red in range(8)]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(post, client, "/predict", picture) for picture in pictures[:3]]
        while client.app.state.service.queue.inside < 3:
            time.sleep(0.01)
        refused = post(client, "/predict", pictures[4])
        assert problem(refused) == (503, "busy")
        assert int(refused.headers["retry-after"]) >= 1
        engine.go.set()
        assert [one.result().status_code for one in asked] == [200, 200, 200]
    assert post(client, "/predict", pictures[4]).status_code == 200


def test_a_deadline_that_passes_is_said_and_frees_the_place(serve, engine):
    client = serve(places=1, deadline=0.1)
    engine.go.clear()
    response = post(client, "/predict", RED)
    assert problem(response) == (504, "deadline")
    entry = post(client, "/predict/batch", BLUE, name="files").json()["results"][0]
    assert entry["problem"]["code"] == "deadline"
    engine.go.set()
    assert post(client, "/predict", GREY).status_code == 200


def test_what_waits_together_is_judged_together(serve, engine):
    client = serve(batch_size=16)
    pictures = [encoded(plain(red, 0, 0)) for red in range(24)]
    engine.batches.clear()
    engine.go.clear()
    with ThreadPoolExecutor(24) as pool:
        asked = [pool.submit(post, client, "/predict", picture) for picture in pictures]
        while client.app.state.service.queue.inside < 24:
            time.sleep(0.01)
        engine.go.set()
        answers = [one.result().json() for one in asked]
    assert sum(engine.batches) == 24
    assert len(engine.batches) < 24
    assert max(engine.batches) <= 16
    # Nobody got somebody else's answer.
    alone = [post(client, "/predict", picture).json()["p_fake"] for picture in pictures]
    assert [answer["p_fake"] for answer in answers] == alone


opened: list[tuple[str, int]] = []
watching = False
WRITES = 1 | 2 | 64  # O_WRONLY, O_RDWR, O_CREAT


def watch(event: str, arguments: tuple) -> None:
    if watching and event == "open" and (arguments[2] or 0) & WRITES:
        opened.append((str(arguments[0]), arguments[2]))


def test_uploads_stay_in_memory(serve, tmp_path):
    global watching
    client = serve(max_bytes=3_000_000)
    # Far above the size from which the parser writes to disk by itself, and just within ours.
    large = encoded(plain(200, 30, 30, 1000, 999), "BMP")
    assert 2_990_000 < len(large) < 3_000_000
    # What is only done the first time, such as a cache of fonts, is no upload.
    post(client, "/report", RED)
    sys.addaudithook(watch)
    watching = True
    try:
        for path in ("/predict", "/gradcam", "/report", "/explain"):
            assert post(client, path, large).status_code == 200
        assert post(client, "/predict/batch", large, BLUE, name="files").status_code == 200
        assert opened == []
        # The watch would have seen it.
        (tmp_path / "seen").write_text("x")
        assert len(opened) == 1
    finally:
        watching = False


def test_log_holds_hashes_and_no_names(client, caplog):
    with caplog.at_level("INFO", "app"):
        answer = client.post("/predict", files={"file": ("private.png", RED)}).json()
    assert answer["sha256"] in caplog.text
    assert "private" not in caplog.text


def test_document_limits_no_batch_that_the_settings_allow(serve):
    client = serve(max_files=40)
    form = client.get("/openapi.json").json()["paths"]["/predict/batch"]["post"]["requestBody"]
    (schema,) = (part["schema"] for part in form["content"].values())
    assert schema["properties"]["files"].get("maxItems", 40) >= 40


def test_document_has_examples_and_problems(client):
    document = client.get("/openapi.json").json()
    responses = document["paths"]["/predict"]["post"]["responses"]
    assert {"200", "400", "413", "415", "422", "503", "504"} <= set(responses)
    assert "application/problem+json" in responses["413"]["content"]
    for name in ("Answer", "Batch", "Status", "History", "Clip", "Explained"):
        (example,) = document["components"]["schemas"][name]["examples"]
        kind = getattr({"Clip": clips, "Explained": explaining}.get(name, answers), name)
        assert kind.model_validate(example).model_dump(mode="json", exclude_none=True) == example
