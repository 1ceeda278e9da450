"""Scores that an engine is held against on a processor that its bundle was not checked on."""

from types import SimpleNamespace

import numpy as np
import pytest

from src import InputError
from src.detector.engines import reference

EXPORT = SimpleNamespace(processor="another processor", files={})


def engine(logit):
    return SimpleNamespace(
        name="onnxruntime",
        precision="float32",
        run=lambda images: {"logit": np.full(len(images), logit, np.float32)},
    )


@pytest.fixture
def card(make_card, monkeypatch, tmp_path):
    """Return a card, where nothing is remembered of this processor."""
    monkeypatch.setenv("DEEPFAKE_CACHE", str(tmp_path / "cache"))
    return make_card()


@pytest.mark.parametrize("spoil", ["empty", "text", "half", "rotten"])
def test_a_damaged_file_is_told_and_the_advice_helps(card, tmp_path, spoil):
    path = tmp_path / "reference.npz"
    reference.write(tmp_path, engine(1.0), 32)
    content = path.read_bytes()
    rotten = bytearray(content)
    rotten[len(content) // 2] ^= 255
    half = content[: len(content) // 2]
    path.write_bytes({"empty": b"", "text": b"no", "half": half, "rotten": rotten}[spoil])
    with pytest.raises(InputError, match="export the bundle again with .*--overwrite"):
        reference.trusts(tmp_path, card, engine(1.0), EXPORT)
    reference.write(tmp_path, engine(1.0), 32)
    assert reference.trusts(tmp_path, card, engine(1.0), EXPORT)


def test_scores_that_are_no_numbers_are_not_trusted_and_it_is_said(card, tmp_path, caplog):
    reference.write(tmp_path, engine(1.0), 32)
    assert not reference.trusts(tmp_path, card, engine(np.nan), EXPORT)
    assert "onnxruntime in float32 is not used on this processor" in caplog.text
