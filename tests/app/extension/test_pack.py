"""What is in the packed extension, and what is refused."""

import json
import re
import shutil
import zipfile

import pytest

from app.extension.pack import pack
from src import InputError


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


def test_nothing_is_overwritten_unasked(framed_bundle, packed):
    with pytest.raises(InputError, match="--overwrite"):
        pack(framed_bundle, packed)
