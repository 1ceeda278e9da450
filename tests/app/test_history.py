import hashlib
import sqlite3

import pytest
from redness import BLUE, GREY, RED, post, problem

from app.history import History
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
