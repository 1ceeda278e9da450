import json
import socket
from dataclasses import replace

import pytest

from app import serve
from app.settings import FILES_AT_ONCE, Settings
from src import InputError


@pytest.mark.parametrize("start", [("src.cli", "serve"), ("app",), ("app.serve",)])
def test_without_a_bundle_it_does_not_start_and_says_how_to_get_one(start, python, tmp_path):
    result = python("-m", *start, "--model", tmp_path / "none", "--port", "0")
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert "deepfake train" in lines[0]


def test_uvicorn_is_told_the_same(python, tmp_path):
    result = python("-m", "uvicorn", "app:app", DEEPFAKE_SERVE_MODEL=str(tmp_path / "none"))
    assert result.returncode == 2
    assert "deepfake train" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_loads_nothing_slow(python):
    program = (
        "import json, sys\n"
        "from src.cli import main\n"
        "main(['serve', '--help'], standalone_mode=False)\n"
        "slow = ('fastapi', 'uvicorn', 'sqlalchemy', 'keras', 'tensorflow', 'cv2')\n"
        "print(json.dumps([name for name in slow if name in sys.modules]))"
    )
    result = python("-c", program)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == []


def test_missing_packages_are_named_with_the_command(run, monkeypatch, tmp_path):
    monkeypatch.setattr(serve, "NEEDED", ("fastapi", "no_such_package"))
    result = run("serve", "--port", "0")
    assert result.exit_code == 2
    assert "no_such_package" in result.stderr
    assert "pip install -e '.[serve]'" in result.stderr


@pytest.mark.parametrize(
    "origin", ["*", "https://a.example/", "a.example", "https://*.a.example", "https://a/b"]
)
def test_origins_are_whole(run, origin):
    for option in ("--cors-origin", "--frame-ancestor"):
        result = run("serve", option, origin, "--port", "0")
        assert result.exit_code == 2
        assert origin in result.stderr


def test_port_in_use_is_one_line(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", port)
    assert result.exit_code == 2
    assert f"port {port}" in result.stderr


def test_it_listens_to_this_computer_alone_and_knows_its_own_names(monkeypatch):
    made = {}
    monkeypatch.setattr(serve, "make_app", lambda settings, *_: made.setdefault("at", settings))

    def run(_app, listener, settings):
        made["address"] = listener.getsockname()[0]
        assert settings.hosts == ("localhost", "127.0.0.1", "::1", "127.0.0.1")

    monkeypatch.setattr(serve, "run", run)
    serve.command(["--port", "0"], standalone_mode=False)
    assert made["address"] == "127.0.0.1"
    assert made["at"].origins == ()


def test_options_come_from_the_environment(monkeypatch):
    made = {}

    def make_app(settings, model, engine, precision):
        made.update(settings=settings, model=model, engine=engine)
        return "app"

    monkeypatch.setattr(serve, "make_app", make_app)
    monkeypatch.setenv("DEEPFAKE_SERVE_MODEL", "some/where")
    monkeypatch.setenv("DEEPFAKE_SERVE_MAX_MEGABYTES", "7")
    monkeypatch.setenv("DEEPFAKE_SERVE_ALLOWED_HOST", "a.example *.b.example")
    import app

    assert app.app == "app"
    assert made["model"] == "some/where"
    assert made["settings"].max_bytes == 7_000_000
    assert made["settings"].hosts[-2:] == ("a.example", "*.b.example")


def test_option_of_the_environment_that_cannot_be_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("DEEPFAKE_SERVE_PLACES", "many")
    import app

    with pytest.raises(SystemExit) as left:
        _ = app.app
    assert left.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "--places" in said[0]
    assert "many" in said[0]


def test_a_stop_leaves_the_time_that_a_whole_batch_has():
    settings = Settings(max_files=32, deadline=10.0, video_deadline=20.0)
    assert settings.longest_wait >= 32 / FILES_AT_ONCE * settings.deadline
    assert replace(settings, video_deadline=900.0).longest_wait == 900.0


def test_package_has_nothing_else():
    import app

    with pytest.raises(AttributeError):
        _ = app.application_of_nobody


def test_damaged_faces_are_found_at_the_start(make_bundle, monkeypatch):
    folder, _ = make_bundle(framing=0.5)

    class Broken:
        name, precision = "broken", "float32"

    def load(*_):
        from src.detector.card import read_card
        from src.detector.detector import Detector

        def finder():
            raise InputError("faces/pnet.onnx is damaged")

        return Detector(read_card(folder), Broken(), finder)

    monkeypatch.setattr(serve, "load", load)
    with pytest.raises(InputError, match="pnet"):
        serve.make_app(Settings(), folder)
