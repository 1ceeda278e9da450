"""Verdicts that were given, in SQLite: hashes and numbers, never an image."""

from __future__ import annotations

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
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from app.answers import Past
from src import InputError
from src.detector.prediction import Prediction

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
        self._engine = create_engine(URL.create("sqlite", database=str(path)))
        try:
            VERDICTS.metadata.create_all(self._engine)
            found = {column["name"] for column in inspect(self._engine).get_columns("verdicts")}
        except SQLAlchemyError as error:
            reason = getattr(error, "orig", None) or error
            raise InputError(f"{path}: cannot be used as a history ({reason})") from error
        if missing := {column.name for column in VERDICTS.columns} - found:
            raise InputError(f"{path}: no history of ours, it lacks {', '.join(sorted(missing))}")

    def add(self, said: Prediction, model: str) -> None:
        """Write down a verdict."""
        row = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "sha256": said.sha256,
            "verdict": said.verdict,
            "p_fake": said.p_fake,
            "model": model,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(VERDICTS).values(row))

    def latest(self, limit: int, before: int | None = None) -> list[Past]:
        """Return verdicts, the latest first.

        Args:
            limit: how many.
            before: only those with a smaller `id`.
        """
        query = select(VERDICTS).order_by(VERDICTS.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(VERDICTS.c.id < before)
        with self._engine.connect() as connection:
            return [Past(**row) for row in connection.execute(query).mappings()]

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()
