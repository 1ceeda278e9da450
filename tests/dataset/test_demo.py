"""`make demo`: what it refuses to replace, and (slow) the whole of it on a clean clone."""

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dataset import demo
from src import InputError
from src.detector import location
from src.detector.card import Card, read_card

REPOSITORY = Path(__file__).parents[2]


def card(drawn: bool) -> str:
    return Card(
        name="detector", created="", backbone="xception", image_size=104, evidence_layer="",
        parameters=0, initial_weights={}, training={}, data={"drawn_sample": drawn}, metrics={},
        versions={},
    ).to_json()  # fmt: skip


def test_it_replaces_its_own_bundle_and_no_other(tmp_path):
    folder = tmp_path / "detector"
    demo.refuse_foreign(folder)
    folder.mkdir()
    with pytest.raises(InputError, match="not trained on the drawn sample"):
        demo.refuse_foreign(folder)
    (folder / "card.json").write_text(card(drawn=False))
    with pytest.raises(InputError, match="not trained on the drawn sample"):
        demo.refuse_foreign(folder)
    (folder / "card.json").write_text(card(drawn=True))
    demo.refuse_foreign(folder)
    (folder / "card.json").write_text(card(drawn=True).replace('"format": 3', '"format": 1'))
    demo.refuse_foreign(folder)


def test_it_leaves_an_unfinished_run_on_other_data_alone(tmp_path):
    config = tmp_path / "detector.partial" / "config.json"
    config.parent.mkdir()
    config.write_text('{"data_dirs": ["somewhere/else"]}')
    with pytest.raises(InputError, match="unfinished run on other data"):
        demo.refuse_foreign(tmp_path / "detector")
    config.write_text(f'{{"data_dirs": ["{demo.SAMPLE}"]}}')
    demo.refuse_foreign(tmp_path / "detector")


@pytest.mark.parametrize(("ships", "weights"), [(True, "starter"), (False, "none")])
def test_it_starts_from_what_ships_and_from_scratch_without(
    tmp_path, monkeypatch, bundle_folder, ships, weights
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(location, "STARTER", bundle_folder if ships else tmp_path / "starter")
    ran = []
    monkeypatch.setattr(demo, "run", lambda *arguments: ran.append(arguments))
    monkeypatch.setattr(demo, "evidence_in_masks", lambda: (0.5, 0.2))
    demo.main()
    training, *others = ran
    assert training[0] == "train"
    assert training[training.index("--weights") + 1] == weights
    assert ("--finetune-learning-rate" in training) is ships
    # What it leaves knows drawings alone, and no verb takes that unasked.
    assert all(verb[verb.index("--model") + 1] == "models/detector" for verb in others)


def test_it_ends_where_a_verb_fails(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        demo.run("predict", "photo.jpg", "--model", str(tmp_path / "nowhere"))
    assert stopped.value.code == 2
    assert "no detector here" in capsys.readouterr().err


@pytest.mark.slow
def test_make_demo_on_a_clean_checkout(tmp_path):
    """Installs into a new environment, trains, and keeps what it promises."""
    copy = tmp_path / "clone"
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    for name in filter(None, files.stdout.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, copy / name)
    result = subprocess.run(["make", "demo"], cwd=copy, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    printed = re.findall(r"test AUC (0\.\d\d+|1\.0+)", result.stdout)
    assert float(printed[-1]) >= 0.90
    assert "AUC" not in result.stdout.rsplit("test AUC", 1)[1].split("\n", 1)[1]
    # Not counted from the end: under another make, make adds lines of its own.
    evidence = re.search(r"Evidence for fake.*?(\d+)%.*?(\d+)%", result.stdout)
    assert evidence is not None
    inside, blob = map(int, evidence.groups())
    assert inside > blob
    for name in ("metrics.json", "roc.png", "real_gradcam.png", "fake_gradcam.png"):
        assert (copy / "figures" / "demo" / name).is_file()
    card = read_card(copy / "models" / "detector")
    assert card.data["drawn_sample"] is True
    with (copy / "models" / "detector" / "history.csv").open(newline="") as file:
        phases = {row["phase"] for row in csv.DictReader(file)}
    ships = location.is_bundle(copy / "models" / "starter")
    assert phases == ({"warm-up", "fine-tune"} if ships else {"scratch"})
    plain = subprocess.run(
        [
            *(copy / ".venv/bin/deepfake", "predict", "dataset/test/fake", "--json"),
            *("--model", "models/detector"),
        ],
        cwd=copy, capture_output=True, text=True, check=True,
    )  # fmt: skip
    # A few may be inconclusive: what one in a few dozen calibration faces exceeds is unfamiliar.
    verdicts = [json.loads(line)["verdict"] for line in plain.stdout.splitlines()]
    assert verdicts.count("fake") > 0.75 * len(verdicts)
