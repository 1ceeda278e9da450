import hashlib
import sqlite3
from contextlib import closing

import pytest
from redness import BLUE, GREY, RED, post, problem

from app import history
from app.history import History
from app.problems import busy
from src import InputError


def test_verdicts_are_kept_and_pictures_are_not(serve, tmp_path):
    path = tmp_path / "verdicts.sqlite"
    client = serve(history=path)
    for picture in (RED, BLUE, RED, b"no picture"):
        post(client, "/predict", picture)
    found = client.get("/history").json()["verdicts"]
    assert [row["verdict"] for row in found] == ["fake", "real", "fake"]
    assert found[0]["sha256"] == found[2]["sha256"] == hashlib.sha256(RED).hexdigest()
    assert found[0]["time"] >= found[1]["time"]
    assert len(found[0]["model"]) == 64
    page = client.get("/history", params={"limit": 1, "before": found[0]["id"]}).json()
    assert page["verdicts"] == found[1:2]
    with sqlite3.connect(path) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        columns = database.execute("SELECT name FROM pragma_table_info('verdicts')").fetchall()
    assert tables == [("verdicts",)]
    assert [name for (name,) in columns] == ["id", "time", "sha256", "verdict", "p_fake", "model"]


def test_history_outlives_the_service(serve, make_app, tmp_path):
    from starlette.testclient import TestClient

    path = tmp_path / "verdicts.sqlite"
    with TestClient(make_app(history=path), base_url="http://localhost") as first:
        post(first, "/predict", GREY)
    assert len(serve(history=path).get("/history").json()["verdicts"]) == 1


def test_limits_of_the_history_are_checked(serve, tmp_path):
    client = serve(history=tmp_path / "verdicts.sqlite")
    for query in ({"limit": 0}, {"limit": 10**6}, {"limit": "x"}, {"before": -1}):
        assert problem(client.get("/history", params=query)) == (400, "bad_request")


def test_history_that_another_program_holds_is_said_and_passes(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(history, "PATIENCE", 0.05)
    path = tmp_path / "verdicts.sqlite"
    client = serve(history=path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for response in (post(client, "/predict", RED), client.get("/history")):
            assert problem(response) == (503, "busy")
            assert response.headers["retry-after"] == "1"
        other.execute("ROLLBACK")
    assert post(client, "/predict", RED).status_code == 200
    assert len(client.get("/history").json()["verdicts"]) == 1


def test_verdict_that_cannot_be_written_fails_no_other_file(serve, tmp_path, monkeypatch):
    client = serve(history=tmp_path / "verdicts.sqlite")
    add = client.app.state.service.history.add

    def some(sha256, verdict, *rest):
        if verdict == "fake":
            raise busy("The history cannot be used right now; try again soon.")
        if verdict == "inconclusive":
            raise ArithmeticError("a fault of ours")
        add(sha256, verdict, *rest)

    monkeypatch.setattr(client.app.state.service.history, "add", some)
    answered = post(client, "/predict/batch", RED, BLUE, GREY, name="files").json()["results"]
    assert [one["problem"] and one["problem"]["code"] for one in answered] == [
        "busy", None, "fault"
    ]  # fmt: skip
    assert answered[1]["answer"]["verdict"] == "real"


def test_another_file_is_no_history(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but notes " * 100)
    with pytest.raises(InputError, match=r"notes\.txt"):
        History(text)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE verdicts (id INTEGER)")
    with pytest.raises(InputError, match="sha256"):
        History(other)
    with pytest.raises(InputError):
        History(tmp_path / "nowhere" / "verdicts.sqlite")
    assert text.read_text().startswith("not a database")
