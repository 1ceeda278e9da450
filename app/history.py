"""Verdicts that were given, in SQLite: hashes and numbers, never an image."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    Column,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from app.answers import Past
from app.problems import busy
from src import InputError

log = logging.getLogger(__name__)

# Seconds to wait for another program that holds the file; others wait for the thread that does.
PATIENCE = 2.0

VERDICTS = Table(
    "verdicts",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("time", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("p_fake", Float, nullable=False),
    Column("model", String, nullable=False),
)


class History:
    """The verdicts in a file; each is on the disk before it is answered.

    Args:
        path: of the file, which is made where there is none.

    Raises:
        InputError: it cannot be opened, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._engine = create_engine(
            URL.create("sqlite", database=str(path)), connect_args={"timeout": PATIENCE}
        )
        try:
            VERDICTS.metadata.create_all(self._engine)
            found = {column["name"] for column in inspect(self._engine).get_columns("verdicts")}
        except SQLAlchemyError as error:
            raise InputError(f"{path}: cannot be used as a history ({_reason(error)})") from error
        if missing := {column.name for column in VERDICTS.columns} - found:
            raise InputError(f"{path}: no history of ours, it lacks {', '.join(sorted(missing))}")

    def add(self, sha256: str, verdict: str, p_fake: float, model: str) -> None:
        """Write down a verdict.

        Raises:
            Problem: it cannot be written right now.
        """
        row = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "sha256": sha256,
            "verdict": verdict,
            "p_fake": p_fake,
            "model": model,
        }
        with self._connected() as connection:
            connection.execute(insert(VERDICTS).values(row))

    def latest(self, limit: int, before: int | None = None) -> list[Past]:
        """Return verdicts, the latest first.

        Args:
            limit: how many.
            before: only those with a smaller `id`.

        Raises:
            Problem: they cannot be read right now.
        """
        query = select(VERDICTS).order_by(VERDICTS.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(VERDICTS.c.id < before)
        with self._connected() as connection:
            return [Past(**row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            log.warning("the history cannot be used: %s", _reason(error))
            raise busy("The history cannot be used right now; try again soon.") from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def _reason(error: SQLAlchemyError) -> BaseException:
    """Return what SQLite says, without the statement around it."""
    return getattr(error, "orig", None) or error
