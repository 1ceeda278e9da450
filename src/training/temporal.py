"""The second step of a training with a temporal head: the head, on what the frozen frames give.

Loads Keras: import it where training happens.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from src.data import videos
from src.data.folders import CLASSES
from src.data.sampling import spread
from src.data.videos import Clip
from src.detector import temporal
from src.detector.temporal import Head
from src.files import write_table
from src.training.callbacks import Checkpoint
from src.training.familiarity import pooled
from src.training.phases import Run, compile_with, ending_early, fit_epochs
from src.training.state import RunState

log = logging.getLogger(__name__)

NAME = "temporal"
SPLITS = ("train", "validation")
WEIGHT_DECAY = 1e-4
HALVING = 3  # epochs without a better validation AUC after which the learning rate is halved


class ClipBatches(keras.utils.PyDataset):
    """Batches of clips out of the features of frames, which are computed once.

    Order and choice of frames depend only on (seed, epoch, position), as in `Batches`.

    Args:
        features: `(N, C)` of the frames.
        members: rows of the frames of each video, in order of time.
        labels: `(len(members),)` 1 for fake, 0 for real.
        vary: a new order and other frames in every epoch.
    """

    def __init__(
        self,
        features: np.ndarray,
        members: Sequence[np.ndarray],
        labels: Sequence[int],
        frames: int,
        batch_size: int,
        *,
        vary: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.features, self.members, self.frames = features, members, frames
        self.labels = np.asarray(labels, np.float32)
        self.batch_size, self.vary, self.seed = batch_size, vary, seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.members) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch `number`: `(n, frames, C)` features and `(n, 1)` float32 labels."""
        order = np.arange(len(self.members))
        if self.vary:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(len(order))
        chosen = order[number * self.batch_size : (number + 1) * self.batch_size]
        return np.stack([self._clip(position) for position in chosen]), self.labels[chosen, None]

    def _clip(self, position: int) -> np.ndarray:
        rows = self.members[position]
        seed = (self.seed, self.epoch, int(position))
        rng = np.random.default_rng(seed) if self.vary else None
        return self.features[rows[spread(len(rows), self.frames, rng)]]


@dataclass(frozen=True)
class Learnt:
    """A trained head."""

    head: Head  # of the best epoch by validation AUC
    facts: dict[str, Any]  # what the card says of it
    history: list[dict[str, Any]]  # one row an epoch

    def write(self, folder: Path) -> None:
        """Write the head into a bundle, and how it was learnt."""
        assert self.head.model is not None, "a head that was trained is in Keras"
        self.head.model.save(folder / temporal.FILE)
        write_table(folder / "temporal.csv", self.history)


def learn(run: Run, network: keras.Model) -> Learnt:
    """Train a head on the training clips; a run that was killed goes on.

    Args:
        network: of the frames, with the weights that will be saved.
    """
    found, frames = _clips(run)
    used = sorted({member for clip in found for member in clip.members})
    cache, row = run.dataset.cache, {member: number for number, member in enumerate(used)}
    features = pooled(used, lambda member: cache[member], network, "Computing features of frames")

    def batches(split: str) -> ClipBatches:
        some = [clip for clip in found if clip.sample.split == split]
        return ClipBatches(
            features,
            [np.array([row[member] for member in clip.members]) for clip in some],
            [clip.sample.label for clip in some],
            frames,
            run.settings.batch_size,
            vary=split == "train",
            seed=run.settings.seed,
        )

    model = temporal.build(frames, features.shape[1])
    state = _fit(run, model, *map(batches, SPLITS))
    facts = {
        "kind": run.settings.temporal,
        "frames": frames,
        "parameters": model.count_params(),
        "clips": _counts(found),
        "training": {"epochs": len(state.history), "best_epoch": state.best["epoch"]},
        "metrics": {"validation": {"auc": state.best["val_auc"], "loss": state.best["val_loss"]}},
    }
    return Learnt(temporal.in_keras(model), facts, state.history)


def _fit(run: Run, model: keras.Model, train: ClipBatches, validation: ClipBatches) -> RunState:
    """Fit a head, and leave it with the weights of its best epoch."""
    settings, given = run.settings, {"frames": train.frames}
    state = RunState.open(run.state.path / NAME, given, resume=True, overwrite=False)
    optimizer = keras.optimizers.AdamW(settings.learning_rate, weight_decay=WEIGHT_DECAY)
    compile_with(model, optimizer)
    done = len(state.history)
    if done:
        state.restore(model, model)
    if NAME not in state.finished:
        log.info("temporal head: %d epochs, %d clips", settings.temporal_epochs, len(train.members))
        if not state.stopping:
            # It ends later than the learning rate falls, so that the lower one is tried.
            callbacks = ending_early(max(settings.patience, 2 * HALVING), HALVING)
            checkpoint = Checkpoint(state, NAME, model, train, callbacks)
            fit_epochs(model, train, validation, range(done, settings.temporal_epochs), checkpoint)
        state.finish(NAME)
    model.load_weights(state.best_weights)
    return state


def _clips(run: Run) -> tuple[list[Clip], int]:
    """Return the clips to learn from, and how many frames one has.

    Single images beside clips are left out: repeated, they would be films in which nothing moves,
    and tell the classes where these are filmed more or less often.
    """
    readable = run.dataset.readable(*SPLITS)
    there, samples = list(readable), list(readable.values())
    found, frames = videos.clips(samples), run.settings.clip_frames
    if len({(clip.sample.split, clip.sample.label) for clip in found}) < 4:
        log.warning(
            "the images are no frames of videos of both classes in both splits, as far as names "
            "and groups.csv tell: clips have one frame, and the recurrent part of the temporal "
            "head has nothing to learn from"
        )
        found, frames = videos.singles(samples), 1
    return [Clip(tuple(there[i] for i in clip.members), clip.sample) for clip in found], frames


def _counts(found: Sequence[Clip]) -> dict[str, dict[str, int]]:
    counted = Counter((clip.sample.split, clip.sample.label) for clip in found)
    return {
        split: {name: counted[split, label] for label, name in enumerate(CLASSES)}
        for split in SPLITS
    }
