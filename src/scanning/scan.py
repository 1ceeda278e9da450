"""Judge images into a table that a killed run goes on with."""

import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from src.detector import framing
from src.detector.card import CARD_FILE, read_card
from src.detector.engines import BATCH
from src.detector.engines.choice import AUTO
from src.detector.hub import SCHEME
from src.detector.location import locate
from src.files import sha256
from src.progress import bar
from src.scanning import table
from src.scanning.plan import Settings, begin, end
from src.scanning.workers import Task, here, on_ray, require_packages


@dataclass(frozen=True)
class Summary:
    """What a scan came to."""

    output: str  # the table
    images: int  # its rows
    errors: int  # those of them that could not be read
    judged: int  # rows of this run; the others were there already
    seconds: float  # that this run took

    def sentence(self) -> str:
        """Say it in one line."""
        rate = self.judged / self.seconds
        return (
            f"{self.output}: {self.images:,} files, {self.errors:,} of them could not be read; "
            f"{self.judged:,} judged now in {self.seconds:,.1f} s, {rate:,.1f} images/s"
        )


def scan(
    images: Iterable[str | Path],
    output: Path,
    model: str | Path | None = None,
    *,
    batch_size: int = BATCH,
    faces: str = "auto",
    stability: int = 0,
    engine: str = AUTO,
    precision: str | None = None,
    ray: bool = False,
    workers: int | None = None,
    cpus: int = 1,
    part_size: int | None = None,
    overwrite: bool = False,
) -> Summary:
    """Judge image files into a table, a folder of Parquet files (see `table` and `plan`).

    A run of the same images, model and options goes on with what another one left.

    Args:
        images: the files, in the order that the table will have.
        output: the table; its name ends in `.parquet`.
        model: the bundle; see `location.locate`, also for what None takes.
        batch_size, faces, stability, engine, precision: see `predict`.
        ray: judge on Ray; False: in this process.
        workers, cpus: see `workers.on_ray`.
        part_size: images in each part of the table; None chooses.

    Raises:
        InputError: no bundle, no images, a package is missing, or the output is something else.
        CheckFailed: the workers did not finish.
    """
    start = time.perf_counter()
    require_packages(ray)
    folder = locate(model)
    framing.require(faces, read_card(folder).framing)
    settings = Settings(sha256(folder / CARD_FILE), faces, stability, engine, precision)
    plan = begin(output.absolute(), images, settings, part_size=part_size, overwrite=overwrite)
    fetched = str(model).startswith(SCHEME)
    task = Task(str(model if fetched else folder.absolute()), settings, str(Path.cwd()), batch_size)
    waiting = plan.waiting()
    judged = sum(map(plan.count, waiting))
    errors = sum(table.errors(plan.file(n)) for n in set(range(plan.parts)) - set(waiting))
    if waiting:
        answers = on_ray(plan, task, waiting, workers, cpus) if ray else here(plan, task, waiting)
        with bar("Judging", judged) as advance, closing(answers):
            for done in answers:
                errors += done.errors
                advance(done.images)
    end(plan.folder)
    return Summary(str(output), plan.images, errors, judged, time.perf_counter() - start)
