"""The detector that ships: small enough, whole, the same in every runtime, honest about itself."""

import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from src.data import pixels
from src.detector import load
from src.detector.card import read_card
from src.detector.location import STARTER, is_bundle

REPOSITORY = Path(__file__).parent.parent
MOST = 95e6  # bytes

pytestmark = pytest.mark.skipif(not is_bundle(STARTER), reason="no starter is in the repository")
PICTURES = [
    REPOSITORY / "dataset" / "test" / kind / f"{number:04}.jpg"
    for kind in ("real", "fake")
    for number in range(4)
]


@pytest.fixture(scope="module")
def card():
    return read_card(STARTER)


@pytest.fixture(scope="module")
def shown(card):
    """Return the drawn pictures as the network sees them."""
    return np.stack([pixels.resize(pixels.read(path), card.image_size) for path in PICTURES])


def test_it_is_small_enough_and_whole(card):
    files = [path for path in STARTER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST
    names = {path.relative_to(STARTER).as_posix() for path in files}
    assert names >= {"model.keras", "model-float16.onnx", "card.json", "MODEL_CARD.md"}
    assert names >= set(card.files)


def test_git_keeps_it_once():
    if not (REPOSITORY / ".git").exists():
        pytest.skip("needs git's own folder")
    told = subprocess.run(
        ["git", "log", "--format=%h", "--", "models/starter/model.keras"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(told.stdout.split()) <= 1


def test_its_weights_are_stored_in_half_precision_and_load_into_single(python, shown, tmp_path):
    with zipfile.ZipFile(STARTER / "model.keras") as archive:
        stored = sum(one.file_size for one in archive.infolist())
    np.save(tmp_path / "shown.npy", shown)
    code = (
        "import json, sys, keras, numpy as np;"
        "m = keras.models.load_model(sys.argv[1]);"
        "kinds = sorted({str(w.dtype) for w in m.weights});"
        "p = m.predict(np.load('shown.npy'), verbose=0)[:, 0];"
        "print(json.dumps([kinds, m.count_params(), p.tolist()]))"
    )
    answer = python("-c", code, STARTER / "model.keras", cwd=tmp_path)
    kinds, parameters, p_fake = json.loads(answer.stdout.splitlines()[-1])
    assert kinds == ["float32"]
    assert stored < 2.2 * parameters
    logits = load(STARTER, "keras").engine.run(shown)["logit"]
    np.testing.assert_allclose(p_fake, 1 / (1 + np.exp(-logits.ravel())), atol=1e-5)


def test_the_graph_that_ships_answers_as_keras_and_its_evidence_adds_up(shown):
    wanted, found = (load(STARTER, engine).engine.run(shown) for engine in ("keras", "onnxruntime"))
    np.testing.assert_allclose(found["logit"], wanted["logit"], atol=0.04)
    np.testing.assert_allclose(
        found["evidence"].sum(axis=(1, 2)) + found["bias"].ravel(),
        found["logit"].ravel(),
        atol=0.02,
    )


def test_its_card_tells_what_it_learnt_from_and_promises(card):
    sources = {"gan256", "dfdc224", "utk200", "sd21_768"}
    assert {Path(name).name for name in card.training["data_dirs"]} == sources
    # Of no machine's folders.
    assert not any(Path(name).is_absolute() for name in card.training["data_dirs"])
    assert card.data["drawn_sample"] is False
    assert card.calibration is not None
    assert card.familiarity is not None
    text = (STARTER / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "A quick look only" not in text
    results = REPOSITORY / "figures" / "results" / "starter" / "test-splits.json"
    measured = json.loads(results.read_text(encoding="utf-8"))["detector"]
    assert measured["created"] == card.created


def test_predict_takes_it_and_says_so(python, tmp_path):
    said = python(
        "-m", "src.predict", PICTURES[0], "--json", cwd=tmp_path, PYTHONPATH=str(REPOSITORY)
    )
    assert "using the starter" in said.stderr
    assert json.loads(said.stdout.splitlines()[0])["verdict"] in ("real", "fake", "inconclusive")
