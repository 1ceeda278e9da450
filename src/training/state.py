"""The state of a training run on disk: written after every epoch, whole or not at all."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
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


@dataclass
class RunState:
    """How far a run has come.

    Attributes:
        initial: what the card says of the weights that it started from.
        history: one row an epoch, over all phases.
        finished: names of the phases that have ended.
        callbacks: memory of the callbacks of the phase under way.
        stopping: a callback has ended the phase under way early.
    """

    initial: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopping: bool = False

    @property
    def best(self) -> dict[str, Any] | None:
        """The row with the highest validation AUC; the earlier one of equals."""
        return max(self.history, key=lambda row: row["val_auc"], default=None)

    def epochs_in(self, phase: str) -> int:
        """Return how many epochs of a phase are done."""
        return sum(row["phase"] == phase for row in self.history)


class RunFolder:
    """The folder of a run under way: its settings, its last finished epoch, its best weights.

    Of several processes the first one alone writes; the others see the same folder and read.
    """

    def __init__(self, path: Path, shard: Shard = ALONE) -> None:
        self.path, self.shard = path, shard

    def open(self, settings: dict[str, Any], *, resume: bool, overwrite: bool) -> RunState:
        """Start a run, or take up the one that was left here.

        Raises:
            InputError: an unfinished run lies here and neither flag is set, or its settings are
                others than `settings`; or another process of the run sees another folder.
        """
        state = self.shard.from_first(lambda: self._open(settings, resume, overwrite))
        if not self.shard.alone:
            self._require_shared(settings)
        return state

    def _open(self, settings: dict[str, Any], resume: bool, overwrite: bool) -> RunState:
        config = self.path / CONFIG
        settings = json.loads(json.dumps(settings))
        if config.is_file() and resume:
            self._require_same(json.loads(config.read_text(encoding="utf-8")), settings)
            return self._last()
        if self.path.exists():
            self._remove_earlier(overwrite)
        self.path.mkdir(parents=True)
        write_text(config, json.dumps(settings, indent=2) + "\n")
        return RunState()

    def _require_shared(self, settings: dict[str, Any]) -> None:
        """See in every process that its folder and its settings are those of the first one."""
        mark = self.path / self.shard.from_first(self._mark)
        if not mark.is_file():
            raise InputError(
                f"{self.path} of process {self.shard.number} is not the folder of process 0: give "
                "an --output in a folder that all hosts share"
            )
        config = json.loads((self.path / CONFIG).read_text(encoding="utf-8"))
        self._require_same(config, json.loads(json.dumps(settings)))
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
        if any(self.path.iterdir()) and not (self.path / CONFIG).is_file():
            raise InputError(f"{self.path} is no run of ours: move it away or choose another place")
        if self._epochs() and not overwrite:
            raise InputError(
                f"{self.path} holds an unfinished run: --resume continues it, "
                "--overwrite starts anew"
            )
        shutil.rmtree(self.path)

    def _require_same(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        changed = [k for k in before.keys() | now.keys() if before.get(k) != now.get(k)]
        if changed:
            detail = "; ".join(f"{k} was {before.get(k)!r}, is {now.get(k)!r}" for k in changed)
            raise InputError(f"{self.path} was started with other settings ({detail})")

    def _epochs(self) -> list[Path]:
        return sorted(self.path.glob("epoch-[0-9]*"))

    def _last(self) -> RunState:
        epochs = self._epochs()
        if not epochs:
            return RunState()
        return RunState(**json.loads((epochs[-1] / STATE).read_text(encoding="utf-8")))

    def keep_start(self, state: RunState, network: keras.Model) -> None:
        """Keep the weights that a run begins with; after its first epoch, take them up again.

        Epochs with a frozen backbone then save the head alone.
        """
        start = self.path / START
        if state.history:
            network.load_weights(start)
        elif self.shard.first:
            self._keep_start(start, network)

    def _keep_start(self, start: Path, network: keras.Model) -> None:
        with atomic_file(start) as temporary:
            network.save_weights(temporary)

    def save(self, state: RunState, part: keras.Model, fitted: keras.Model) -> None:
        """Write the state after an epoch, then remove what it supersedes.

        Args:
            state: with the epoch's row.
            part: the part of the network that changes in this phase.
            fitted: the compiled model, whose optimizer is saved.
        """
        import keras

        if not self.shard.first:
            return
        number = len(state.history)
        unfinished = self.path / f"unfinished-{number:04d}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        # Without the optimizer, which has a file of its own. Keras would ask it for its learning
        # rate, and of several processes that takes all.
        keras.Model(part.inputs, part.outputs).save_weights(unfinished / WEIGHTS)
        variables = [*fitted.optimizer.variables, *_random_states(part)]
        np.savez(unfinished / OPTIMIZER, *map(keras.ops.convert_to_numpy, variables))
        (unfinished / STATE).write_text(json.dumps(asdict(state)), encoding="utf-8")
        if state.best is state.history[-1]:
            self._keep_as_best(unfinished / WEIGHTS, number)
        unfinished.rename(self.path / f"epoch-{number:04d}")
        self._tidy(state)

    def _keep_as_best(self, weights: Path, number: int) -> None:
        with atomic_file(self._best_file(number)) as temporary:
            shutil.copyfile(weights, temporary)

    def _best_file(self, number: int) -> Path:
        return self.path / f"best-{number:04d}.weights.h5"

    def _tidy(self, state: RunState) -> None:
        for old in self._epochs()[:-1]:
            shutil.rmtree(old)
        keep = self.best_weights(state)
        for old in self.path.glob("best-*.weights.h5"):
            if old != keep:
                old.unlink()

    def require_start(self, state: RunState, initial: dict[str, Any]) -> None:
        """Note the weights that a run starts from; a resumed one must start from the same.

        Raises:
            InputError: the run began from other weights, as where `auto` found none this time.
        """
        if state.history and state.initial != initial:
            raise InputError(
                f"{self.path} began from other weights: {state.initial}, and now from {initial}"
            )
        state.initial = initial

    def finish(self, state: RunState, phase: str) -> None:
        """Record that a phase has ended, so that it is not entered again."""
        state.finished.append(phase)
        state.callbacks, state.stopping = {}, False
        if self.shard.first:
            write_text(self._epochs()[-1] / STATE, json.dumps(asdict(state)))
        self.shard.gather(None)

    def best_weights(self, state: RunState) -> Path:
        """Return the weights file of the best epoch so far: of the part that changed in it."""
        assert state.best is not None
        return self._best_file(state.history.index(state.best) + 1)

    def restore(self, part: keras.Model, fitted: keras.Model) -> None:
        """Bring weights and optimizer to the end of the last finished epoch."""
        last = self._epochs()[-1]
        part.load_weights(last / WEIGHTS)
        fitted.optimizer.build(fitted.trainable_variables)
        with np.load(last / OPTIMIZER) as arrays:
            values = [arrays[name] for name in arrays.files]
        variables = [*fitted.optimizer.variables, *_random_states(part)]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _random_states(model: keras.Model) -> list[Any]:
    """Return the states of the layers' random generators, which weight files leave out."""
    states = []
    for layer in model.layers:
        weights = {id(weight) for weight in layer.weights}
        states += [variable for variable in layer.variables if id(variable) not in weights]
    return states
