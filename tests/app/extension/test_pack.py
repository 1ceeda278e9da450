"""What is in the packed extension, and what is refused."""

import json
import re
import shutil
import zipfile

import pytest

from app.extension.pack import _graph, pack
from src import InputError
from src.detector.card import read_card


def test_each_browser_gets_its_own_manifest_and_the_same_bundle(packed):
    manifests = {}
    for browser in ("chromium", "firefox"):
        with zipfile.ZipFile(packed / f"{browser}.zip") as archive:
            manifests[browser] = json.loads(archive.read("manifest.json"))
            assert {
                "bundle/model.onnx",
                "bundle/faces/onet.onnx",
                "web/verdict.js",
                "LICENSE",
            } <= set(archive.namelist())
    assert manifests["chromium"]["cross_origin_embedder_policy"] == {"value": "require-corp"}
    assert "offscreen" not in manifests["firefox"]["permissions"]
    for manifest in manifests.values():
        assert "host_permissions" not in manifest
        (accessible,) = manifest["web_accessible_resources"]
        assert accessible["resources"] == ["extension/frame.html"]
        assert "content_scripts" not in manifest


def test_no_code_comes_from_elsewhere(packed):
    for path in (packed / "chromium/extension").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(import|src=|fetch\()\s*\(?[\"']https?:", text), path.name
    policy = json.loads((packed / "chromium/manifest.json").read_text())["content_security_policy"]
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy["extension_pages"]


def test_a_graph_that_is_not_the_cards_is_refused(framed_bundle, packed, tmp_path):
    own = shutil.copytree(framed_bundle, tmp_path / "own")
    with (own / "model-float16.onnx").open("ab") as file:
        file.write(b"more")
    with pytest.raises(InputError, match="model-float16"):
        pack(own, tmp_path / "out")


def test_a_bundle_without_a_graph_says_how_to_make_one(bundle_folder, packed, tmp_path):
    with pytest.raises(InputError, match="deepfake export"):
        pack(bundle_folder, tmp_path / "out")


def test_nothing_is_overwritten_unasked(framed_bundle, packed, tmp_path):
    with pytest.raises(InputError, match="--overwrite"):
        pack(framed_bundle, packed)
    (tmp_path / "firefox.zip").write_bytes(b"of somebody else")
    with pytest.raises(InputError, match=r"firefox\.zip is already there"):
        pack(framed_bundle, tmp_path)


def test_what_was_packed_before_stays_where_packing_fails(
    framed_bundle, packed, tmp_path, monkeypatch
):
    (tmp_path / "chromium").mkdir()
    (tmp_path / "chromium/manifest.json").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="Node 20"):
        pack(framed_bundle, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["chromium"]
    assert (tmp_path / "chromium/manifest.json").read_text(encoding="utf-8") == "{}"


def test_a_bundle_that_frames_faces_but_cannot_find_them_is_refused(
    framed_bundle, packed, tmp_path
):
    own = shutil.copytree(framed_bundle, tmp_path / "own")
    (own / "faces/rnet.onnx").unlink()
    with pytest.raises(InputError, match=r"rnet\.onnx is missing"):
        pack(own, tmp_path / "out")
    assert not (tmp_path / "out/chromium").exists()


def test_int8_is_taken_where_it_passed_its_check(framed_bundle, packed, tmp_path):
    own = shutil.copytree(framed_bundle, tmp_path / "own")
    shutil.copyfile(own / "model-float16.onnx", own / "model-int8.onnx")
    text = (own / "card.json").read_text(encoding="utf-8")
    card = json.loads(text)
    known = card["exports"]["onnx-float16"]
    as_int8 = {**known, "files": {"model-int8.onnx": known["files"]["model-float16.onnx"]}}
    for allowed, expected in ((["int8"], "int8"), ([], "float16")):
        card["exports"]["onnx-int8"] = {**as_int8, "allowed": allowed}
        (own / "card.json").write_text(json.dumps(card), encoding="utf-8")
        assert _graph(own, read_card(own), None)[0] == expected
