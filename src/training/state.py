"""The state of a training run on disk: written after every epoch, whole or not at all."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src import InputError
from src.data.shard import ALONE, Shard
from src.files import atomic_file, write_text

if TYPE_CHECKING:
    import keras

CONFIG, WEIGHTS, OPTIMIZER, STATE = "config.json", "model.weights.h5", "optimizer.npz", "state.json"
START = "start.weights.h5"
# What `STATE` holds.
_KEPT = ("initial", "history", "finished", "callbacks", "stopping")


@dataclass
class RunState:
    """How far a run has come, and the folder with its last finished epoch and its best weights.

    Of several processes the first one alone writes; the others see the same folder and read.
    """

    path: Path  # of the folder
    shard: Shard = ALONE
    # What the card says of the weights that the run started from.
    initial: dict[str, Any] = field(default_factory=dict)
    # One row an epoch, over all phases.
    history: list[dict[str, Any]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)  # names of the phases that have ended
    # Memory of the callbacks of the phase under way, and whether one of them has ended it early.
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopping: bool = False

    @classmethod
    def open(
        cls,
        path: Path,
        settings: dict[str, Any],
        *,
        resume: bool,
        overwrite: bool,
        shard: Shard = ALONE,
    ) -> RunState:
        """Start a run, or take up the one that was left here.

        Raises:
            InputError: an unfinished run lies here and neither flag is set, or its settings are
                others than `settings`; or another process of the run sees another folder.
        """
        state = cls(path, shard)
        settings = json.loads(json.dumps(settings))
        kept = shard.from_first(lambda: state._begin(settings, resume, overwrite))
        if not shard.alone:
            state._require_shared(settings)
        return cls(path, shard, **kept)

    def _begin(self, settings: dict[str, Any], resume: bool, overwrite: bool) -> dict[str, Any]:
        """Return what is kept of the run that was left here; of a new one, nothing."""
        config = self.path / CONFIG
        if config.is_file() and resume:
            self._require_same(settings)
            epochs = self._epochs()
            return json.loads((epochs[-1] / STATE).read_text(encoding="utf-8")) if epochs else {}
        if self.path.exists():
            self._remove_earlier(overwrite)
        write_text(config, json.dumps(settings, indent=2) + "\n")
        return {}

    def _require_shared(self, settings: dict[str, Any]) -> None:
        """See in every process that its folder and its settings are those of the first one."""
        mark = self.path / self.shard.from_first(self._mark)
        if not mark.is_file():
            raise InputError(
                f"{self.path} of process {self.shard.number} is not the folder of process 0: give "
                "an --output in a folder that all hosts share"
            )
        self._require_same(settings)
        self.shard.gather(None)
        if self.shard.first:
            mark.unlink()

    def _mark(self) -> str:
        """Leave a file that no other folder has, and return its name."""
        name = f"shared-{time.time_ns()}"
        (self.path / name).touch()
        return name

    def _remove_earlier(self, overwrite: bool) -> None:
        """Remove what an earlier run left here, unless there is something to lose."""
        config = self.path / CONFIG
        if not self.path.is_dir() or (any(self.path.iterdir()) and not config.is_file()):
            raise InputError(f"{self.path} is no run of ours: move it away or choose another place")
        if self._epochs() and not overwrite:
            raise InputError(
                f"{self.path} holds an unfinished run: --resume continues it, "
                "--overwrite starts anew"
            )
        shutil.rmtree(self.path)

    def _require_same(self, now: dict[str, Any]) -> None:
        before = json.loads((self.path / CONFIG).read_text(encoding="utf-8"))
        changed = [k for k in sorted(before.keys() | now.keys()) if before.get(k) != now.get(k)]
        if changed:
            detail = "; ".join(f"{k} was {before.get(k)!r}, is {now.get(k)!r}" for k in changed)
            raise InputError(f"{self.path} was started with other settings ({detail})")

    def require_start(self, initial: dict[str, Any]) -> None:
        """Note the weights that a run starts from; a resumed one must start from the same.

        Raises:
            InputError: the run began from other weights, as where `auto` found none this time.
        """
        if self.history and self.initial != initial:
            raise InputError(
                f"{self.path} began from other weights: {self.initial}, and now from {initial}"
            )
        self.initial = initial

    @property
    def best(self) -> dict[str, Any]:
        """The row with the highest validation AUC, the earlier one of equals; not before the first.

        Its epoch is the one that is kept.
        """
        return max(self.history, key=lambda row: row["val_auc"])

    @property
    def best_weights(self) -> Path:
        """The weights file of the best epoch so far: of the part that changed in it."""
        return self.path / f"best-{self.history.index(self.best) + 1:04d}.weights.h5"

    def epochs_in(self, phase: str) -> int:
        """Return how many epochs of a phase are done."""
        return sum(row["phase"] == phase for row in self.history)

    def keep_start(self, network: keras.Model) -> None:
        """Keep the weights that a run begins with; after its first epoch, take them up again.

        Epochs with a frozen backbone then save the head alone.
        """
        if self.history:
            network.load_weights(self.path / START)
        elif self.shard.first:
            with atomic_file(self.path / START) as temporary:
                network.save_weights(temporary)

    def save(self, part: keras.Model, fitted: keras.Model) -> None:
        """Write the state after an epoch, then remove what it supersedes.

        Args:
            part: the part of the network that changes in this phase.
            fitted: the compiled model, whose optimizer is saved.
        """
        import keras

        if not self.shard.first:
            return
        number = len(self.history)
        unfinished = self.path / f"unfinished-{number:04d}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        # Without the optimizer, which has a file of its own. Keras would ask it for its learning
        # rate, and of several processes that takes all.
        keras.Model(part.inputs, part.outputs).save_weights(unfinished / WEIGHTS)
        np.savez(unfinished / OPTIMIZER, *map(keras.ops.convert_to_numpy, _variables(part, fitted)))
        self._write(unfinished)
        if self.best is self.history[-1]:
            with atomic_file(self.best_weights) as temporary:
                shutil.copyfile(unfinished / WEIGHTS, temporary)
        unfinished.rename(self.path / f"epoch-{number:04d}")
        for old in self._epochs()[:-1]:
            shutil.rmtree(old)
        for old in set(self.path.glob("best-*.weights.h5")) - {self.best_weights}:
            old.unlink()

    def restore(self, part: keras.Model, fitted: keras.Model) -> None:
        """Bring weights and optimizer to the end of the last finished epoch."""
        last = self._epochs()[-1]
        part.load_weights(last / WEIGHTS)
        fitted.optimizer.build(fitted.trainable_variables)
        with np.load(last / OPTIMIZER) as arrays:
            for variable, name in zip(_variables(part, fitted), arrays.files, strict=True):
                variable.assign(arrays[name])

    def finish(self, phase: str) -> None:
        """Record that a phase has ended, so that it is not entered again."""
        self.finished.append(phase)
        self.callbacks, self.stopping = {}, False
        if self.shard.first:
            self._write(self._epochs()[-1])
        self.shard.gather(None)

    def _write(self, folder: Path) -> None:
        kept = {name: getattr(self, name) for name in _KEPT}
        write_text(folder / STATE, json.dumps(kept))

    def _epochs(self) -> list[Path]:
        return sorted(self.path.glob("epoch-[0-9]*"))


def _variables(part: keras.Model, fitted: keras.Model) -> list[Any]:
    """Return what a weights file leaves out: the optimizer, and the layers' random generators."""
    variables = list(fitted.optimizer.variables)
    for layer in part.layers:
        weights = {id(weight) for weight in layer.weights}
        variables += [variable for variable in layer.variables if id(variable) not in weights]
    return variables
