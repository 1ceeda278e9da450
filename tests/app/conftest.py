"""A service around a detector that judges by how red a picture is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redness import SIZE, Painted, Redness
from starlette.testclient import TestClient

from src.detector.calibration import calibrate
from src.detector.detector import Detector


@pytest.fixture
def engine() -> Redness:
    return Redness()


@pytest.fixture(scope="session")
def calibration() -> dict[str, Any]:
    """A calibration under which red pictures are fake, blue ones real and grey ones neither."""
    rng = np.random.default_rng(0)
    logits = np.concatenate([rng.normal(-4, 3, 200), rng.normal(4, 3, 200)])
    labels = np.repeat([0, 1], 200)
    names = [str(i) for i in range(400)]
    return calibrate(logits, labels, ["made"] * 400, names).to_dict()


@pytest.fixture
def make_bundle(tmp_path: Path, make_card: Callable[..., Any], calibration: Any) -> Any:
    """Return a function that writes what a service reads of a bundle."""

    def make(**changes: Any) -> tuple[Path, Any]:
        card = make_card(image_size=SIZE, **({"calibration": calibration} | changes))
        folder = tmp_path / "bundle"
        folder.mkdir(exist_ok=True)
        (folder / "card.json").write_text(card.to_json(), encoding="utf-8")
        (folder / "model.keras").write_bytes(b"weights")
        return folder, card

    return make


@pytest.fixture
def make_app(make_bundle: Any, engine: Redness) -> Callable[..., Any]:
    """Return a function that makes a service; `card` changes its card, the rest its settings."""
    from app.application import create
    from app.settings import Settings

    def make(card: dict[str, Any] | None = None, **settings: Any) -> Any:
        folder, made = make_bundle(**(card or {}))
        detector = Detector(made, engine, finder=Painted)
        return create(detector, folder, Settings(**settings))

    return make


@pytest.fixture
def serve(make_app: Callable[..., Any]) -> Iterator[Callable[..., TestClient]]:
    """Return a function that runs a service, warm already, and returns a client of it."""
    clients: list[TestClient] = []

    def start(**options: Any) -> TestClient:
        client = TestClient(make_app(**options), base_url="http://localhost")
        clients.append(client.__enter__())
        while client.get("/ready").status_code != 200:
            pass
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Callable[..., TestClient]) -> TestClient:
    return serve()
