"""API keys: who may ask, and how much."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from app.problems import Problem
from src import InputError

_LINE = re.compile(r"([^\s:]+):([0-9a-f]{64})")


class Keys:
    """The keys that are known, and what each has left.

    Args:
        hashes: SHA-256 of the keys by name, in hexadecimal. Keys are random and long, so a plain
            hash cannot be searched through.
        rate: images a minute for each.
        clock: seconds.
    """

    def __init__(
        self, hashes: Mapping[str, str], rate: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._hashes, self._rate, self._clock = dict(hashes), rate, clock
        self._left = {name: (float(rate), clock()) for name in hashes}

    @classmethod
    def read(cls, path: Path, rate: int) -> Keys:
        """Read a file with a line `NAME:SHA256` a key.

        Raises:
            InputError: it cannot be read, or has other lines, two of a name, or none.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        hashes = {}
        for number, line in enumerate(map(str.strip, lines), start=1):
            if not line or line.startswith("#"):
                continue
            if not (found := _LINE.fullmatch(line)):
                raise InputError(
                    f"{path}, line {number}: expected NAME:SHA256; make one with "
                    f"`python -m app.new_key NAME >> {path}`"
                )
            if found[1] in hashes:
                raise InputError(
                    f"{path}, line {number}: a second key for {found[1]}; give it another name, or "
                    "delete the line of the first"
                )
            hashes[found[1]] = found[2]
        if not hashes:
            raise InputError(
                f"{path}: no keys; make one with `python -m app.new_key NAME >> {path}`"
            )
        return cls(hashes, rate)

    def name(self, authorization: str) -> str:
        """Return whose key an `Authorization` header holds.

        Raises:
            Problem: it holds none that is known.
        """
        scheme, _, key = authorization.partition(" ")
        given = hashlib.sha256(key.strip().encode()).hexdigest()
        # All are compared, each in constant time: how long it takes tells nothing.
        known = [name for name, known in self._hashes.items() if hmac.compare_digest(known, given)]
        if scheme.lower() != "bearer" or not known:
            detail = "Expected a header `Authorization: Bearer KEY` with a key that is known here."
            raise Problem(401, "no_key", detail, headers={"WWW-Authenticate": "Bearer"})
        return known[0]

    def spend(self, name: str, images: int) -> None:
        """Take images off what a key has left.

        Raises:
            Problem: nothing is left.
        """
        left = self._now(name)
        if left < 1:
            wait = math.ceil((1 - left) * 60 / self._rate)
            detail = f"More than {self._rate} images a minute for this key."
            raise Problem(429, "rate", detail, retry_after=wait)
        self.overdraw(name, images)

    def overdraw(self, name: str, images: int) -> None:
        """Take images off, even if a key then has less than nothing and has to wait for more."""
        self._left[name] = (self._now(name) - images, self._clock())

    def _now(self, name: str) -> float:
        left, since = self._left[name]
        return min(self._rate, left + (self._clock() - since) * self._rate / 60)
