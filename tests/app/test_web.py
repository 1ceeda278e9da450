import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from src import video
from src.detector import verdict

FOLDER = Path(__file__).resolve().parents[2] / "app" / "web"
FILES = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
LARGEST = 60 * 1024
# Only whoever runs the service can bring these about, or nobody who uses the page.
NOT_ON_THE_PAGE = {"gone", "not_ready", "wrong_host", "foreign_origin", "no_history"} | {
    *(
        "bad_form",
        "bad_field",
        "bad_request",
        "not_a_form",
        "not_found",
        "not_allowed",
        "refused",
        "no_framing",
    )
}


def words() -> dict[str, dict[str, str]]:
    """Read the strings without a JavaScript engine: one a line or a few, in double quotes."""
    languages = re.split(r"\n  (\w\w): \{\n", FILES["words.js"].partition("\n};")[0])[1:]
    pair = re.compile(r'(?:"([\w.]+)"|(\w+)):\s+"((?:[^"\\]|\\.)*)"')
    return {
        name: {quoted or bare: text for quoted, bare, text in pair.findall(body)}
        for name, body in zip(languages[::2], languages[1::2], strict=True)
    }


def run_on_the_page(program: str) -> Any:
    """Run a program beside the page's modules, and return the JSON that it prints."""
    result = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(result.stdout)


def loaded() -> set[str]:
    """Return the files that the page loads; others stand here for the extension alone."""
    found, more = set(), {"index.html"}
    while more:
        found |= more
        text = "".join(FILES[name] for name in more)
        more = set(re.findall(r'(?:"\./|"web/)([\w.]+)"', text)) - found
    return found


def test_page_is_small_and_asks_nobody_else():
    assert {"main.js", "film.js", "words.js", "style.css"} <= loaded()
    assert sum(len(FILES[name].encode()) for name in loaded()) <= LARGEST
    for name, text in FILES.items():
        # The one address is the name of a vocabulary, which nothing loads.
        rest = text.replace('"http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?:|//\w+\.|@import|url\(", rest), name
        assert "innerHTML" not in text


def test_every_sentence_is_there_in_both_languages():
    known = words()
    assert set(known) == {"en", "fr"}
    assert set(known["en"]) == set(known["fr"])
    assert len(known["en"]) > 60
    for key, text in known["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", known["fr"][key]))


def test_every_sentence_is_in_one_file_and_used():
    used = set(re.findall(r'data-word="([\w.]+)"', FILES["index.html"]))
    scripts = "".join(FILES[name] for name in ("main.js", "card.js", "film.js", "why.js"))
    used |= set(re.findall(r'"([\w.]+)"', scripts))
    for key in words()["en"]:
        whole, group = key in used, key.partition(".")[0]
        assert whole or f"`{group}." in scripts or f"}}.{key.partition('.')[2]}`" in scripts, key


def test_every_reason_of_the_detector_has_words():
    known = words()
    for language in known.values():
        assert {f"reason.{code}" for code in verdict.REASONS} <= set(language)


def test_every_problem_that_a_visitor_can_meet_has_words():
    sources = [path.read_text(encoding="utf-8") for path in FOLDER.parent.glob("*.py")]
    codes = {code for text in sources for code in re.findall(r'\d{3}, "(\w+)"', text)}
    assert {"too_large", "deadline", "busy"} <= codes
    assert {f"error.{code}" for code in codes - NOT_ON_THE_PAGE} <= set(words()["en"])


def test_report_keeps_its_style_on_the_page(client):
    """A report that the page opens lives under the page's policy, which knows its style by hash."""
    import base64
    import hashlib

    from redness import RED, post

    policy = client.get("/", headers={"Accept": "text/html"}).headers["content-security-policy"]
    report = post(client, "/report", RED)
    style = re.search(r"<style>(.*?)</style>", report.text, re.DOTALL)[1]
    known = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{known}'" in policy
    assert f"'sha256-{known}'" in report.headers["content-security-policy"]
    assert " style=" not in report.text


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_heatmap_lies_where_the_evidence_is():
    program = """
    import { strongest } from "./heatmap.js";
    import { worth } from "./card.js";
    const evidence = [[0, 0, 0], [0, 0, 0], [0, -2, 3]];
    const whole = { region: [0, 0, 90, 60], evidence };
    const answer = { width: 90, height: 60, faces: [], whole };
    const face = { ...answer, faces: [{ region: [0, 0, 30, 20], evidence }] };
    const rates = { true_fake: 0.5, false_fake: { rate: 0.01 } };
    console.log(JSON.stringify([
      strongest(answer, 1), strongest(answer, -1), strongest(face, 1),
      worth(rates, 0.01), worth({ ...rates, true_fake: 0 }, 0.01),
    ]));
    """
    right, below, within, value, nothing = run_on_the_page(program)
    assert (right, below, within) == (8, 7, 0)
    assert value == pytest.approx(0.005 / (0.005 + 0.0099))
    assert nothing is None


# What the scripts need of a page: elements that hold others.
PAGE = """
class Element {
  constructor(tag) { Object.assign(this, { tag, kept: {}, inside: [], style: {} }); }
  append(...more) { this.inside.push(...more); }
  setAttribute(name, value) { this.kept[name] = value; }
  addEventListener() {}
  text() { return this.inside.map((one) => one.text?.() ?? one).join(" "); }
  all() { return [this, ...this.inside.flatMap((one) => one.all?.() ?? [])]; }
}
const create = (tag) => new Element(tag);
globalThis.document = { createElement: create, createElementNS: (_, tag) => create(tag) };
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
@pytest.mark.parametrize("calibrated", [video.ON_STILLS, video.ON_VIDEO, video.NOT_CALIBRATED])
def test_rates_of_stills_are_told_of_a_video_only_where_it_was_judged_by_them(calibrated):
    rate = {"rate": 0.0123, "count": 300, "source": "made"}
    status = {
        "calibration": {"t_real": 0.25, "t_fake": 0.75, "false_fake": rate, "false_real": rate},
        "reasons": {},
    }
    frames = [{"time": time, "p_fake": 0.9} for time in (0.5, 1.0)]
    track = {"id": 1, "verdict": "fake", "p_fake": 0.9, "reasons": [], "moments": []}
    track["stretches"] = [{"start": 0.5, "end": 1.0}]
    answer = {
        **{"verdict": "fake", "reasons": [], "calibration": calibrated, "duration": 2},
        **{"sampled": 4, "frames": 50, "tracks": [{**track, "frames": frames}]},
    }
    program = f"""
    {PAGE}
    const {{ persons }} = await import("./film.js");
    const {{ speaker }} = await import("./words.js");
    const parts = persons(speaker("en"), {json.dumps(answer)}, {json.dumps(status)});
    const drawn = parts.flatMap((part) => part.all()).map(({{ kept }}) => kept.class ?? "");
    const text = parts.map((part) => part.text()).join(" ");
    console.log(JSON.stringify([text, drawn.filter((name) => name.startsWith("zone"))]));
    """
    text, zones = run_on_the_page(program)
    assert calibrated in text
    by_stills = calibrated == video.ON_STILLS
    assert ("1.2" in text, "shades" in text, len(zones)) == (by_stills, by_stills, 3 * by_stills)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_probabilities_read_as_in_python():
    values = [0, 0.0004, 0.0005, 0.25, 0.9994, 0.9995, 1]
    program = f"""
    const {{ speaker }} = await import("./words.js");
    console.log(JSON.stringify({values}.map(speaker("en").probability)));
    """
    assert run_on_the_page(program) == [verdict.shown(value) for value in values]
