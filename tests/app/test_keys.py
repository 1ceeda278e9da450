import pytest
from redness import BLUE, RED, post, problem

from app.keys import Keys
from app.problems import Problem
from src import InputError

KEYED = ("/card", "/metrics", "/history")
OPEN = ("/", "/health", "/ready", "/openapi.json", "/web/main.js")


@pytest.fixture
def made(tmp_path):
    """A key, and the file that knows its hash."""
    from click.testing import CliRunner

    from app.new_key import command

    result = CliRunner().invoke(command, ["ana"])
    path = tmp_path / "keys.txt"
    path.write_text(f"# keys\n\n{result.stdout}", encoding="utf-8")
    return result.stderr.split()[-1], path


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("name", ["", "a b", "a:b", "#ana"])
def test_names_that_the_file_could_not_hold_are_refused(name):
    from click.testing import CliRunner

    from app.new_key import command

    result = CliRunner().invoke(command, [name])
    assert result.exit_code == 2
    assert result.stdout == ""


def test_file_holds_no_key(made):
    key, path = made
    assert len(key) >= 43
    assert key not in path.read_text(encoding="utf-8")


def test_only_who_has_a_key_is_answered(serve, made):
    key, path = made
    client = serve(api_keys=path)
    for headers in ({}, bearer("wrong"), bearer(""), {"Authorization": f"Basic {key}"}):
        for path in KEYED:
            response = client.get(path, headers=headers)
            assert problem(response) == (401, "no_key")
            assert response.headers["www-authenticate"] == "Bearer"
        files = {"file": ("a.png", RED)}
        assert problem(client.post("/predict", files=files, headers=headers))[0] == 401
    for path in OPEN:
        assert client.get(path).status_code == 200
    assert client.get("/card", headers=bearer(key)).status_code == 200
    files = {"file": ("a.png", RED)}
    assert client.post("/predict", files=files, headers=bearer(key)).status_code == 200
    assert client.get("/").json()["key"] is True


def test_a_key_has_so_many_images_a_minute(serve, made):
    key, path = made
    client = serve(api_keys=path, rate=4)
    client.headers.update(bearer(key))
    assert post(client, "/predict", RED).status_code == 200
    assert post(client, "/predict/batch", RED, BLUE, BLUE, name="files").status_code == 200
    response = post(client, "/predict", BLUE)
    assert problem(response) == (429, "rate")
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert client.get("/card").status_code == 200


def test_what_is_left_grows_back():
    now = 0.0
    keys = Keys({"ana": "0" * 64}, 60, clock=lambda: now)
    for _ in range(60):
        keys.spend("ana", 1)
    with pytest.raises(Problem) as problem:
        keys.spend("ana", 1)
    now = float(problem.value.headers["Retry-After"])
    keys.spend("ana", 1)
    with pytest.raises(Problem):
        keys.spend("ana", 1)


def test_second_key_of_a_name_is_refused_and_revokes_nothing(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text(f"ana:{'0' * 64}\nbob:{'1' * 64}\n\nana:{'2' * 64}\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 4: a second key for ana"):
        Keys.read(path, 60)


@pytest.mark.parametrize("text", ["", "# none\n", "ana\n", "ana:1234\n", "\xff"])
def test_files_that_hold_no_keys_are_refused(tmp_path, text):
    path = tmp_path / "keys.txt"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="keys.txt"):
        Keys.read(path, 60)
    with pytest.raises(InputError, match="nowhere"):
        Keys.read(tmp_path / "nowhere", 60)
