"""Training the temporal head on the features of frames."""

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from src.data.dataset import Dataset
from src.data.splits import Sample
from src.detector import temporal as heads
from src.training import temporal
from src.training.phases import Run
from src.training.settings import Settings
from src.training.state import RunState

WIDTH, FRAMES = 4, 6


def video(rng, label, stills=False):
    """Return features that rise in a fake and fall in a real video: no frame by itself tells."""
    values = rng.permutation(np.linspace(-1, 1, FRAMES))
    if not stills:
        values = np.sort(values)[:: 1 if label else -1]
    return values[:, None] * np.ones(WIDTH) + rng.normal(0, 0.05, (FRAMES, WIDTH))


def make_run(folder, stills=False):
    """Return a run over videos of which only the features of the frames are known."""
    rng = np.random.default_rng(0)
    # An image that cannot be read: what follows keeps its place.
    samples = [Sample(Path("train0_9.png"), 0, "train", "set", "train0")]
    features = [None]
    for split, count in (("train", 24), ("validation", 16)):
        for number in range(count):
            for frame, row in enumerate(video(rng, number % 2)):
                stem = f"{len(samples)}" if stills else f"{split}{number}_{frame}"
                group = stem if stills else f"{split}{number}"
                samples.append(Sample(Path(f"{stem}.png"), number % 2, split, "set", group))
                features.append(row)
    digests = ["", *("known" for _ in samples[1:])]
    chosen = {"temporal": "lstm", "clip_frames": 4, "batch_size": 4, "learning_rate": 5e-3}
    dataset = Dataset(samples, digests, [], features)
    return Run(Settings(("x",), **chosen), dataset, None, RunState(folder))


@pytest.fixture(scope="module", autouse=True)
def _small():
    """Take features as they are, and a head that is quick to train."""

    def pooled(chosen, image, network, why):
        return np.stack([image(i) for i in chosen]).astype(np.float32)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(temporal, "pooled", pooled)
        patch.setattr(temporal.temporal, "build", partial(heads.build, units=8))
        yield


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    keras.utils.set_random_seed(0)
    return temporal.learn(make_run(tmp_path_factory.mktemp("whole")), None)


def test_it_learns_from_the_order_of_frames_of_which_none_tells_anything(learnt):
    assert learnt.facts["metrics"]["validation"]["auc"] > 0.95
    assert learnt.facts["frames"] == learnt.head.frames == 4
    counts = {"train": {"real": 12, "fake": 12}, "validation": {"real": 8, "fake": 8}}
    assert learnt.facts["clips"] == counts
    rng = np.random.default_rng(9)
    real, fake = (
        [learnt.head.logit(video(rng, label).astype(np.float32)) for _ in range(8)]
        for label in (0, 1)
    )
    assert np.mean(np.array(real)[:, None] < np.array(fake)) > 0.95


def test_the_learning_rate_halves_after_three_epochs_without_a_better_one(learnt):
    rates = [row["learning_rate"] for row in learnt.history]
    best = learnt.facts["training"]["best_epoch"] - 1
    assert rates[best + 2] == pytest.approx(5e-3)
    assert rates[best + 3] == pytest.approx(2.5e-3)
    assert len(rates) == best + 7, "three more end the training"


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_been(learnt, tmp_path, monkeypatch):
    save, optimizers = RunState.save, []

    def killed(self, part, fitted):
        save(self, part, fitted)
        optimizers.append(fitted.optimizer)
        if len(self.history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunState, "save", killed)
    keras.utils.set_random_seed(0)
    run = make_run(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        temporal.learn(run, None)
    assert isinstance(optimizers[0], keras.optimizers.AdamW)
    assert optimizers[0].weight_decay == 1e-4
    monkeypatch.setattr(RunState, "save", save)
    resumed = temporal.learn(run, None)
    losses = [[row["val_loss"] for row in one.history] for one in (learnt, resumed)]
    np.testing.assert_allclose(*losses, atol=1e-4)


def test_single_images_make_clips_of_one_frame_and_that_is_said(tmp_path, caplog):
    found, frames = temporal._clips(make_run(tmp_path, stills=True))
    assert frames == 1 and [len(clip.members) for clip in found] == [1] * 240
    assert "the recurrent part of the temporal head has nothing to learn from" in caplog.text


def test_epochs_see_other_frames_of_a_video_and_validation_the_same():
    features = np.arange(12, dtype=np.float32)[:, None]
    members = [np.arange(12)]
    train = temporal.ClipBatches(features, members, [1], 3, 2, vary=True)
    seen = set()
    for epoch in range(6):
        train.epoch = epoch
        clip = train[0][0][0, :, 0]
        np.testing.assert_array_equal(clip, train[0][0][0, :, 0])
        assert (np.diff(clip) > 0).all()
        seen.add(tuple(clip))
    assert len(seen) > 3
    steady = temporal.ClipBatches(features, members, [1], 3, 2)
    assert steady[0][0][0, :, 0].tolist() == [2, 6, 10]
