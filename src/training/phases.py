"""The phases of a run: which layers train, at which learning rate, watched by what.

Loads Keras: import it where training happens.
"""

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from src.data.dataset import Dataset, Position
from src.data.pipeline import Batches, FeatureBatches
from src.detector import network, residuals
from src.progress import bar
from src.training import trainable
from src.training.callbacks import Checkpoint, EpochBar
from src.training.processes import cut_padding
from src.training.settings import SCRATCH, Settings
from src.training.state import RunState

log = logging.getLogger(__name__)

WARM_UP, FINE_TUNE = "warm-up", "fine-tune"
# From random weights the learning rate rises from this share of its highest value.
RISE_FROM = 0.1
# By how many reals and fakes of each source a table of residuals is filled, at most.
BEGIN_IMAGES = 750
# By how many images it is told which hidden units are asleep.
WAKING_IMAGES = 256


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs with one set of trainable layers."""

    name: str  # `WARM_UP`, `FINE_TUNE` or `SCRATCH`
    epochs: int
    crops: tuple[tuple[int, int], ...] = ()  # of its first epochs, see `Settings.crops`

    def parts(self) -> list[tuple[int | None, int]]:
        """Return the sides of the crops (None: whole images), each with its last epoch."""
        parts: list[tuple[int | None, int]] = []
        end = 0
        for side, epochs in self.crops:
            end += epochs
            parts.append((side, end))
        return parts if end == self.epochs else [*parts, (None, self.epochs)]


def plan(settings: Settings, schedule: str) -> list[Phase]:
    """Return the phases of a schedule, in order."""
    warmup, finetune = settings.warmup_epochs, settings.finetune_epochs
    if schedule == SCRATCH:
        return [Phase(SCRATCH, warmup + finetune, settings.crops)]
    phases = [Phase(WARM_UP, warmup), Phase(FINE_TUNE, finetune)]
    return [phase for phase in phases if phase.epochs]


@dataclass(frozen=True)
class Run:
    """Everything that the phases of one run share."""

    settings: Settings
    dataset: Dataset
    model: keras.Model  # ends in the logit; the same object through all phases
    state: RunState
    # What was left open and has been decided, beside the settings in the card.
    decided: dict[str, Any] = field(default_factory=dict)
    tensorboard: Path | None = None  # folder for TensorBoard's log

    def begin(self, *, loaded: bool) -> None:
        """Fill an empty table of residuals, and wake a head above features that are known already.

        Args:
            loaded: the backbone was trained before.
        """
        if self.state.history:
            return
        if residuals.is_empty(self.model):
            numbers = self.state.shard.from_first(self._fitted_table)
            residuals.table_of(self.model).set_weights([numbers])
        if loaded:
            self._wake()

    def _wake(self) -> None:
        """Let every hidden unit of the head learn, see `trainable.revive`."""
        rng = np.random.default_rng(self.settings.seed)
        readable = rng.permutation(list(self.dataset.readable("train")))[:WAKING_IMAGES]

        def features() -> np.ndarray:
            images = np.stack([self.dataset.cache[int(index)] for index in readable])
            extractor = network.extractor(self.model)
            batch = self.settings.batch_size
            return np.asarray(extractor.predict(images, batch_size=batch, verbose=0), np.float32)

        woken = trainable.revive(self.model, self.state.shard.from_first(features))
        log.info("%d of %d hidden units begin anew", woken, network.HIDDEN_UNITS)

    def fit(self, phase: Phase) -> None:
        """Fit one phase: from the best epoch so far, or from where it was left."""
        state = self.state
        done = state.epochs_in(phase.name)
        first = len(state.history) - done
        if phase.name == WARM_UP:
            state.keep_start(self.model)
        if not done:
            self.load_best()
        set_trainable(self.model, phase, self.settings)
        part = changing_part(self.model, phase.name)
        fitted, train, validation = self._inputs(phase, part)
        compile_for(fitted, phase, self.settings, steps=len(train))
        cut_padding(fitted, train, validation)
        if done:
            state.restore(part, fitted)
        count = sum(math.prod(v.shape) for v in fitted.trainable_variables)
        log.info("%s: %d epochs, %s weights train", phase.name, phase.epochs, f"{count:,}")
        for crop, end in phase.parts():
            if state.stopping or done >= end:
                continue
            train.crop = crop
            checkpoint = Checkpoint(state, phase.name, part, train, self._callbacks(phase))
            fit_epochs(fitted, train, validation, range(first + done, first + end), checkpoint)
            done = end
        state.finish(phase.name)

    def load_best(self) -> None:
        """Bring the network to the best epoch so far; before the first, leave it as it is."""
        if not self.state.history:
            return
        phase = self.state.best["phase"]
        if phase == WARM_UP:
            self.state.keep_start(self.model)
        changing_part(self.model, phase).load_weights(self.state.best_weights)

    def _fitted_table(self) -> np.ndarray:
        """Return the table that tells the fakes of each source from its reals."""
        kinds: dict[tuple[str, int], list[int]] = {}
        for index, sample in self.dataset.readable("train").items():
            kinds.setdefault((sample.source, sample.label), []).append(index)
        rng = np.random.default_rng(self.settings.seed)
        of_kind = {kind: rng.permutation(some)[:BEGIN_IMAGES] for kind, some in kinds.items()}
        chosen = np.concatenate(list(of_kind.values()))
        with bar("Counting residuals", len(chosen)) as advance:

            def batches() -> Iterator[np.ndarray]:
                for start in range(0, len(chosen), self.settings.batch_size):
                    some = chosen[start : start + self.settings.batch_size]
                    yield np.stack([self.dataset.cache[int(index)] for index in some])
                    advance(len(some))

            return residuals.fitted(batches(), _contrasts(of_kind))

    def _inputs(self, phase: Phase, part: keras.Model) -> tuple[keras.Model, Batches, Batches]:
        """Return the model to fit and its batches: of images, or of frozen features."""
        settings = self.settings
        train = self._batches(
            self.dataset.positions("train", balance=settings.balance),
            level=settings.augment,
            shuffle=True,
        )
        validation = self._batches(self.dataset.positions("validation"))
        if phase.name != WARM_UP or not settings.views:
            return self.model, train, validation
        extractor = network.extractor(self.model)
        total = settings.views * len(train) + len(validation)
        with bar("Computing features", total) as advance:
            features = FeatureBatches(train, extractor, settings.views, advance)
            held_out = FeatureBatches(validation, extractor, 1, advance)
        return part, features, held_out

    def _batches(self, positions: Sequence[Position], **options: Any) -> Batches:
        blended = self.dataset.faces is not None
        return Batches(
            self.dataset.cache,
            [position.index for position in positions],
            [position.label for position in positions],
            self.settings.batch_size,
            groups=[position.group for position in positions],
            landmarks=[position.landmarks for position in positions] if blended else None,
            seed=self.settings.seed,
            shard=self.state.shard,
            **options,
        )

    def _callbacks(self, phase: Phase) -> list[keras.callbacks.Callback]:
        callbacks: list[keras.callbacks.Callback] = []
        # From scratch the cosine decides the learning rate, and an early stop would cut its end.
        if phase.name != SCRATCH:
            patience = self.settings.patience
            callbacks += ending_early(patience, max(1, patience // 2))
        if self.tensorboard is not None and self.state.shard.first:
            callbacks.append(keras.callbacks.TensorBoard(self.tensorboard / phase.name))
        return callbacks


def _contrasts(of_kind: Mapping[tuple[str, int], np.ndarray]) -> list[np.ndarray]:
    """Return for each source of both classes which images are its fakes (1) and its reals (-1).

    A source with one class has nothing to be told from but other sources, and what tells sources
    apart is not to be learnt.

    Args:
        of_kind: the images of each source and label, one kind after the other.
    """
    sources = np.repeat([source for source, _ in of_kind], [len(s) for s in of_kind.values()])
    labels = np.repeat([label for _, label in of_kind], [len(s) for s in of_kind.values()])
    both = sorted({source for source, label in of_kind if (source, 1 - label) in of_kind})
    return [np.where(sources == source, 2 * labels - 1, 0) for source in both]


def changing_part(model: keras.Model, phase: str) -> keras.Model:
    """Return what a phase changes and its checkpoints hold: the head, or the whole network."""
    return network.head(model) if phase == WARM_UP else model


def set_trainable(model: keras.Model, phase: Phase, settings: Settings) -> None:
    """Freeze and unfreeze the layers as a phase wants them; no weight changes."""
    if phase.name == WARM_UP:
        trainable.freeze(model)
    elif phase.name == FINE_TUNE:
        trainable.unfreeze(model, settings.unfreeze_layers)
    else:
        trainable.unfreeze_all(model)


def compile_for(model: keras.Model, phase: Phase, settings: Settings, *, steps: int) -> None:
    """Compile a model with the optimizer, loss and metric of a phase of `steps` an epoch.

    From scratch the averages of its batch norms follow the length of an epoch, too.
    """
    rate: Any = settings.learning_rate
    if phase.name == FINE_TUNE:
        rate = settings.finetune_learning_rate
    elif phase.name == SCRATCH:
        trainable.average_norms(model, steps)
        rising = settings.warmup_epochs * steps
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate * (RISE_FROM if rising else 1.0),
            decay_steps=max(1, settings.finetune_epochs * steps),
            warmup_target=settings.learning_rate if rising else None,
            warmup_steps=rising,
        )
    compile_with(model, keras.optimizers.Adam(rate))


def compile_with(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Compile a model that ends in the logit with the loss and metric of every phase."""
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.AUC(num_thresholds=1000, from_logits=True, name="auc")],
    )
    # Left to itself, Keras builds loss and metric on a batch of its own, and on JAX and PyTorch the
    # batches it read ahead for that come up again in the first epoch, in place of others.
    label = keras.ops.zeros((1, 1))
    model.compute_loss(y=label, y_pred=label)
    model.compute_metrics(None, label, label)


def ending_early(patience: int, halving: int) -> list[keras.callbacks.Callback]:
    """Return what halves the learning rate and what ends a phase, by the validation AUC.

    Args:
        patience: after so many epochs without a better one the phase ends.
        halving: after so many the learning rate is halved.
    """
    watch = {"monitor": "val_auc", "mode": "max"}
    return [
        keras.callbacks.EarlyStopping(patience=patience, **watch),
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=halving, **watch),
    ]


def fit_epochs(
    model: keras.Model, train: Any, validation: Any, epochs: range, checkpoint: Checkpoint
) -> None:
    """Fit a compiled model for some epochs of a run, counted from 0, with what a checkpoint knows.

    Args:
        train: batches with `labels`, that are told which `epoch` it is.
        validation: batches.
        checkpoint: its callbacks are called before it.
    """
    # Keras looks at the first batches before it tells which epoch begins.
    train.epoch = epochs.start
    nan = keras.callbacks.TerminateOnNaN()
    model.fit(
        train,
        validation_data=validation,
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        class_weight=class_weight(train.labels),
        callbacks=[nan, *checkpoint.others, EpochBar(len(train)), checkpoint],
        shuffle=False,
        verbose=0,
    )


def class_weight(labels: Sequence[int] | np.ndarray) -> dict[int, float]:
    """Weigh the classes so that both count alike, whatever their sizes.

    Args:
        labels: `(N,)` 1 fake, 0 real, both present.
    """
    counts = Counter(int(label) for label in labels)
    return {label: len(labels) / (2 * counts[label]) for label in (0, 1)}
