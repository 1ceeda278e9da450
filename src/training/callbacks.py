"""What happens during an epoch and at its end: a progress bar, a line of results, a checkpoint.

Loads Keras: import it where training happens.
"""

import logging
import time
from typing import Any

import keras
import numpy as np

from src import CheckFailed
from src.progress import bar
from src.training.state import RunState

log = logging.getLogger(__name__)

# What these callbacks remember from epoch to epoch; Keras keeps it in memory only.
_CALLBACK_MEMORY = {
    "EarlyStopping": ("best", "wait", "best_epoch", "stopped_epoch"),
    "ReduceLROnPlateau": ("best", "wait", "cooldown_counter"),
}


class Checkpoint(keras.callbacks.Callback):
    """Saves the run after each epoch and tells the batches which epoch it is.

    Must come last in the list of callbacks, so that it sees what the others decided.
    """

    def __init__(
        self,
        state: RunState,
        phase: str,
        part: keras.Model,
        batches: Any,
        others: list[keras.callbacks.Callback],
    ) -> None:
        super().__init__()
        self.state, self.phase, self.part = state, phase, part
        self.batches, self.others = batches, others

    def on_train_begin(self, logs: Any = None) -> None:
        for callback in self.others:
            vars(callback).update(self.state.callbacks.get(type(callback).__name__, {}))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.batches.epoch = epoch
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = dict(logs or {})
        row: dict[str, Any] = {
            "epoch": epoch + 1,
            "phase": self.phase,
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            **{k: float(logs[k]) for k in ("loss", "auc", "val_loss", "val_auc")},
            "seconds": round(time.perf_counter() - self._started, 2),
        }
        if not np.isfinite([row["loss"], row["val_loss"]]).all():
            raise CheckFailed(
                f"the loss became {row['loss']} in epoch {epoch + 1}, and would again: lower the "
                "learning rate and begin anew with --overwrite"
            )
        self.state.history.append(row)
        self.state.callbacks = self._memories()
        self.state.stopping = self.model.stop_training
        self.state.save(self.part, self.model)

    def _memories(self) -> dict[str, dict[str, Any]]:
        return {
            name: {held: getattr(callback, held) for held in _CALLBACK_MEMORY[name]}
            for callback in self.others
            if (name := type(callback).__name__) in _CALLBACK_MEMORY
        }


class EpochBar(keras.callbacks.Callback):
    """A progress bar for each epoch, and one line of results at its end."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._bar = bar(f"Epoch {epoch + 1}", self.steps)
        self._advance = self._bar.__enter__()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._advance()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._bar.__exit__(None, None, None)
        results = "  ".join(f"{name} {float(value):.4f}" for name, value in (logs or {}).items())
        log.info("epoch %d/%d  %s", epoch + 1, self.params["epochs"], results)
