"""Bundles from the Hugging Face Hub, by a stand-in of its package that copies out of a folder."""

import fnmatch
import importlib.util
import inspect
import json
import shutil
import sys
from types import ModuleType

import pytest

from src import InputError
from src.detector import bundle, load, locate, network
from src.files import sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def published(tiny_model, make_card, tmp_path):
    """Return a bundle as somebody published it; a test may spoil it."""
    folder = tmp_path / "published"
    folder.mkdir()
    bundle.save(folder, network.probability(tiny_model), make_card(framing=0.5))
    (folder / "history.csv").write_text("epoch\n")
    (folder / "evil.py").write_text("print('never fetched')")
    return folder


@pytest.fixture
def calls(published, tmp_path, monkeypatch):
    """Put a stand-in in the place of the Hub's package, and return how it was called."""
    stub, made = ModuleType("huggingface_hub"), []

    def snapshot_download(repo_id, *, revision=None, allow_patterns, **_about_us):
        made.append((repo_id, revision))
        cached = tmp_path / "cache" / COMMIT
        for path in published.rglob("*"):
            name = str(path.relative_to(published))
            if path.is_file() and any(fnmatch.fnmatch(name, p) for p in allow_patterns):
                (cached / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, cached / name)
        cached.mkdir(parents=True, exist_ok=True)
        return str(cached)

    stub.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", stub)
    return made


def change(folder, **fields):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_fetched_bundle_judges_like_the_published_one(calls, published, run, photos):
    folder = locate("hf://owner/name@v1")
    # The second time by the commit that the tag stood for.
    assert calls == [("owner/name", "v1"), ("owner/name", COMMIT)]
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    networks = {f"faces/{name}.onnx" for name in ("pnet", "rnet", "onet")}
    assert names == {"card.json", "history.csv", "model.keras"} | networks
    fetched = run("predict", photos[0], "--json", "--model", "hf://owner/name")
    assert fetched.exit_code == 0, fetched.stderr
    assert fetched.stdout == run("predict", photos[0], "--json", "--model", published).stdout


def test_exports_that_run_here_are_fetched_and_checked(calls, published):
    (published / "model.onnx").write_bytes(b"graph")
    (published / "model.tflite").write_bytes(b"graph")
    about = {
        "bytes": 5, "temperature": 1.0, "allowed": ["float32"], "checks": {}, "processor": "",
        "images": "", "calibration": None,
    }  # fmt: skip
    exports = {
        "onnx": about | {"files": {"model.onnx": "0" * 64}},
        "litert": about | {"files": {"model.tflite": "0" * 64}},
    }
    change(published, exports=exports)
    with pytest.raises(InputError, match=r"model\.onnx is not the file that its card names"):
        locate("hf://owner/name")
    exports["onnx"]["files"]["model.onnx"] = sha256(published / "model.onnx")
    change(published, exports=exports)
    folder = locate("hf://owner/name")
    assert (folder / "model.onnx").is_file()
    assert not (folder / "model.tflite").exists()


@pytest.mark.parametrize("name", ["model.keras", "faces/rnet.onnx"])
def test_file_that_is_not_what_the_card_says(calls, published, name):
    (published / name).write_bytes((published / name).read_bytes() + b"\0")
    with pytest.raises(InputError, match=rf"hf://owner/name: {name} is not the file"):
        load("hf://owner/name")
    (published / name).unlink()
    shutil.rmtree(published.parent / "cache")
    with pytest.raises(InputError, match=rf"{name} is missing"):
        load("hf://owner/name")


def test_card_without_hashes(calls, published):
    change(published, files={})
    with pytest.raises(InputError, match=r"no SHA-256 of faces/onet\.onnx.*model\.keras"):
        locate("hf://owner/name")


def test_place_without_a_bundle(calls, published):
    (published / "card.json").unlink()
    with pytest.raises(InputError, match=r"hf://owner/name: no detector there"):
        locate("hf://owner/name")


@pytest.mark.parametrize(
    "address", ["hf://", "hf://name", "hf://a/b/c", "hf://a/b@", "hf://a/b@c@d", "hf://a b/c"]
)
def test_what_is_no_address(calls, address):
    with pytest.raises(InputError, match="expected hf://OWNER/NAME"):
        locate(address)
    assert not calls


@pytest.mark.parametrize(
    "error", [OSError("no\nconnection"), ValueError("no name"), RuntimeError("a bug")]
)
def test_hub_that_gives_nothing(calls, monkeypatch, error):
    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr(sys.modules["huggingface_hub"], "snapshot_download", fail)
    if isinstance(error, RuntimeError):
        with pytest.raises(RuntimeError):
            locate("hf://owner/name")
        return
    with pytest.raises(InputError, match="hf://owner/name") as caught:
        locate("hf://owner/name")
    assert "\n" not in str(caught.value)


def test_missing_package_names_the_command(monkeypatch, run):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    result = run("predict", "photo.jpg", "--model", "hf://owner/name")
    assert result.exit_code == 2
    assert "pip install -e '.[hub]'" in result.stderr


def test_what_was_fetched_is_not_changed(calls, run, test_set):
    result = run("calibrate", "--data-dir", test_set, "--model", "hf://owner/name")
    assert result.exit_code == 2
    assert "copy the bundle" in result.stderr
    assert not calls


@pytest.mark.skipif(not importlib.util.find_spec("huggingface_hub"), reason="needs [hub]")
def test_stand_in_has_the_packages_own_options():
    import huggingface_hub

    options = inspect.signature(huggingface_hub.snapshot_download).parameters
    wanted = {"revision", "allow_patterns", "library_name", "library_version"}
    assert wanted <= options.keys()
