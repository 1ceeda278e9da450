"""The tables about videos say what was measured."""

import re

import films
import people
import pytest
from click.testing import CliRunner

from benchmarks import video
from src.data import footage
from src.detector import bundle, network


@pytest.fixture(scope="module")
def framed(tiny_model, make_card, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "detector"
    folder.mkdir()
    bundle.save(folder, network.probability(tiny_model), make_card(framing=0.6))
    return folder


def tables(framed, clip, *parts):
    arguments = ["--model", str(framed), "--video", str(clip), "--runs", "1"]
    for part in parts:
        arguments += ["--only", part]
    result = CliRunner().invoke(video.command, arguments)
    assert result.exit_code == 0, result.output
    return [table.splitlines() for table in result.stdout.strip().split("\n\n")[1:]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return films.write(tmp_path_factory.mktemp("film") / "clip.mp4", films.meeting(12), rate=5)


def test_the_plain_way_is_compared_with_at_the_same_frames(framed, clip):
    (table,) = tables(framed, clip, "plain")
    assert table[0].startswith("| 5 frames, ")
    assert len(table) == 4
    assert all(re.fullmatch(r"\| plain Keras, .* \| \d+\.\d \|", row) for row in table[2:])


def test_looking_at_every_frame_differs_from_nothing(framed, clip, monkeypatch):
    monkeypatch.setattr(video, "RATES", (1.0, 5.0))
    (table,) = tables(framed, clip, "sampling")
    few, every = table[2], table[3]
    assert "1 a second, even | 2 of 12" in few
    assert every == "| 5 a second, even | 12 of 12 | 2 of 2 | 0.000 | 0 of 1 |"


def test_the_drawn_film_is_720p_with_one_face(tmp_path):
    path = video.draw(tmp_path / "drawn.mp4", 1, seconds=1)
    assert footage.survey(path).duration == pytest.approx(1, abs=0.05)
    ((_, frame),) = footage.read(path, [20])
    assert frame.shape == (720, 1280, 3)
    assert len(people.finder().find(frame)) == 1
