"""What is counted, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one service, in a registry of their own.

    Args:
        inside: tells how many images are accepted right now.
    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, inside: Callable[[], float]) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "deepfake_requests", "Answers.", ["route", "method", "status"], registry=registry
        )
        self.latency = Histogram(
            "deepfake_seconds", "Until the answer.", ["route"], registry=registry, buckets=SECONDS
        )
        self.batches = Histogram(
            "deepfake_batch_images", "Judged at once.", registry=registry, buckets=SIZES
        )
        self.verdicts = Counter("deepfake_verdicts", "Verdicts.", ["verdict"], registry=registry)
        self.remembered = Counter(
            "deepfake_remembered", "Verdicts that were remembered.", registry=registry
        )
        self.rejects = Counter("deepfake_rejects", "Problems.", ["code"], registry=registry)
        queue = Gauge("deepfake_queue_images", "Accepted, not answered yet.", registry=registry)
        queue.set_function(inside)

    def text(self) -> bytes:
        """Return all of them as Prometheus reads them."""
        return generate_latest(self._registry)
