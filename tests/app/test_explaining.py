"""Explanations over HTTP: what rests on what, who words it, and whom it never keeps waiting."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redness import BLUE, RED, encoded, plain, post, problem

from app import serve as serving
from src import InputError, explain
from src.explaining.rewriting import Endpoint
from tests.explaining.language_model import sentences, well
from tests.explaining.language_model import serve as language_model


def pictures(count):
    return [encoded(plain(10 * red, 0, 0)) for red in range(count)]


def test_every_sentence_rests_on_what_is_given(client):
    found = post(client, "/explain", RED).json()
    assert found["verdict"] == post(client, "/predict", RED).json()["verdict"] == "fake"
    assert len(found["sentences"]) >= 3
    assert {one["part"] for one in found["sentences"]} == {"verdict", "background"}
    for one in found["sentences"]:
        assert one["citations"]
        assert set(one["citations"]) <= found["measurements"].keys() | found["notes"].keys()
    for note in found["notes"].values():
        assert note["url"].startswith("https://")
        assert note["title"] and note["text"] and note["source"]
    assert found["measurements"]["stability"]["box"] == [0, 0, 64, 48]
    assert found["measurements"]["p_fake"]["box"] is None
    assert found["measurements"]["p_fake"]["brief"].startswith("probability of a fake: ")
    assert found["explanation"].startswith("The detector calls this picture fake, and puts ")
    assert all(one["text"] in found["explanation"] for one in found["sentences"])
    assert (found["source"], found["removed"]) == ("template", 0)


def test_another_picture_has_another_explanation(client):
    said = [
        {one["text"] for one in post(client, "/explain", picture).json()["sentences"]}
        for picture in (RED, BLUE)
    ]
    for one, word in zip((said[0] - said[1], said[1] - said[0]), ("fake", "real"), strict=True):
        assert any(text.startswith(f"The detector calls this picture {word}, and") for text in one)


def test_explanation_is_made_once(client, engine):
    first = post(client, "/explain", RED).json()
    engine.batches.clear()
    assert post(client, "/explain", RED).json() == first
    post(client, "/report", RED)
    assert engine.batches == []


def test_notes_are_looked_up_off_the_event_loop_from_the_start(serve, monkeypatch):
    made = []

    def library():
        made.append(threading.current_thread().name)
        return known

    known = explain.our_notes()
    monkeypatch.setattr(explain, "our_notes", library)
    client = serve()
    assert post(client, "/explain", RED).status_code == 200
    # Once after the warm-up, and then for the picture.
    assert len(made) == 2
    assert all(name.startswith("explain") for name in made)


def test_verdicts_do_not_wait_for_explanations(serve, monkeypatch):
    client = serve(places=8)
    go, explained = threading.Event(), explain.explain

    def slow(*args, **options):
        assert go.wait(20)
        return explained(*args, **options)

    monkeypatch.setattr(explain, "explain", slow)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(post, client, "/explain", picture) for picture in pictures(2)]
        while client.app.state.service.queue.inside < 2:
            time.sleep(0.01)
        # A quarter of the places is taken: the rest is for verdicts.
        time.sleep(0.1)
        refused = post(client, "/explain", BLUE)
        assert problem(refused) == (503, "busy")
        assert "retry-after" in refused.headers
        assert post(client, "/predict", BLUE).status_code == 200
        go.set()
        assert [one.result().status_code for one in asked] == [200, 200]
    assert post(client, "/explain", BLUE).status_code == 200


def test_explanation_past_the_deadline_is_said(serve, monkeypatch):
    client = serve(deadline=0.3)
    go = threading.Event()
    monkeypatch.setattr(explain, "explain", lambda *_, **__: go.wait(20))
    assert problem(post(client, "/explain", RED)) == (504, "deadline")
    go.set()


def test_language_model_words_it_where_there_is_one(serve):
    with language_model(well) as model:
        client = serve(endpoint=Endpoint("stub", model.url, "secret", 10))
        found = post(client, "/explain", RED).json()
        assert found["source"] == "llm"
        assert "A language model chose among sentences of ours" in post(client, "/report", RED).text
    assert len(model.requests) == 1
    assert "0.png" not in str(model.requests)


@pytest.mark.parametrize(
    ("answer", "removed"),
    [
        ((500, "secret, broken"), 0),
        (sentences(("The picture is real.", ["made_up"]), ("Trust me.", ["verdict"])), 2),
    ],
    ids=["broken", "unsupported"],
)
def test_language_model_that_fails_leaves_the_template(serve, answer, removed):
    with language_model(lambda _request: answer) as model:
        client = serve(endpoint=Endpoint("stub", model.url, "secret", 10))
        found = post(client, "/explain", RED)
    assert found.json()["source"] == "template"
    assert found.json()["removed"] == removed
    assert "secret" not in found.text
    assert found.json()["verdict"] == "fake"


def test_nobody_waits_for_the_language_model_with_a_place(serve):
    go = threading.Event()

    def slow(request):
        go.wait(20)
        return well(request)

    with language_model(slow) as model, ThreadPoolExecutor(1) as pool:
        client = serve(places=1, endpoint=Endpoint("stub", model.url, "secret", 15))
        asked = pool.submit(post, client, "/explain", RED)
        while not model.requests:
            time.sleep(0.01)
        assert post(client, "/predict", BLUE).status_code == 200
        go.set()
        assert asked.result().json()["source"] == "llm"


def settings_of(monkeypatch, *options):
    made = []
    monkeypatch.setattr(serving, "make_app", lambda settings, *_: made.append(settings))
    monkeypatch.setattr(serving, "run", lambda *_: None)
    serving.command(["--port", "0", *options], standalone_mode=False)
    return made[0]


def test_language_model_is_the_operators_choice(monkeypatch):
    # What is set for other programs turns nothing on.
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    monkeypatch.setenv("DEEPFAKE_LLM_MODEL", "other")
    assert settings_of(monkeypatch).endpoint is None
    found = settings_of(monkeypatch, "--llm-model", "m", "--llm-url", "http://localhost:2/v1")
    # A key is told to the server that it is for.
    assert found.endpoint == Endpoint("m", "http://localhost:2/v1", None, 15.0)
    assert settings_of(monkeypatch, "--llm-model", "m").endpoint.key == "secret"
    monkeypatch.setenv("DEEPFAKE_LLM_KEY", "own")
    found = settings_of(monkeypatch, "--llm-model", "m", "--llm-url", "http://localhost:2/v1")
    assert found.endpoint.key == "own"
    assert "own" not in repr(found)


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        (("--llm-url", "http://localhost:2/v1"), "--llm-model"),
        (("--llm-model", "m"), "OPENAI_API_KEY"),
    ],
)
def test_half_a_language_model_is_refused(run, monkeypatch, options, needed):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = run("serve", "--port", "0", *options)
    assert result.exit_code == 2
    assert needed in result.stderr


def test_trusted_roots_are_read_at_the_start(make_app, monkeypatch, tmp_path):
    path = tmp_path / "roots.pem"
    path.write_text("no certificate", encoding="ascii")
    found = settings_of(monkeypatch, "--trust-anchors", str(path))
    assert found.trust_anchors == path
    with pytest.raises(InputError, match="roots.pem"):
        make_app(trust_anchors=path)


def test_signers_are_held_against_the_operators_roots(serve, monkeypatch, tmp_path):
    given, explained = [], explain.explain

    def spy(*args, trust_anchors, **options):
        given.append(trust_anchors)
        return explained(*args, **options)

    monkeypatch.setattr(explain, "explain", spy)
    monkeypatch.setattr("src.explaining.provenance._anchors", lambda _path: None)
    post(serve(trust_anchors=tmp_path / "roots.pem"), "/explain", RED)
    assert given == [tmp_path / "roots.pem"]
