"""Shards: together they are the whole, and no two processes do the same."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from src.data import pixels
from src.data.cache import ImageCache
from src.data.pipeline import Batches
from src.data.shard import ALONE, Shard

SIZE, IMAGES = 16, 21


@dataclass(frozen=True)
class Thread(Shard):
    """A shard whose processes are the threads of a test."""

    given: dict = field(default_factory=dict, compare=False)
    together: threading.Barrier | None = field(default=None, compare=False)

    def gather(self, value):
        self.given[self.number] = value
        self.together.wait()
        values = [self.given[number] for number in range(self.processes)]
        self.together.wait()
        return values


def threads(processes: int) -> list[Thread]:
    given, together = {}, threading.Barrier(processes, timeout=60)
    return [Thread(n, processes, processes, given, together) for n in range(processes)]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    found = [folder / f"{number}.png" for number in range(IMAGES)]
    for path in found:
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(path)
    (folder / "5.png").write_bytes(b"no image")
    return found


@pytest.mark.parametrize(("processes", "each"), [(2, 1), (3, 1), (2, 4)])
def test_stretches_are_equal_and_together_the_batch(processes, each):
    shards = [Shard(number, processes, processes * each) for number in range(processes)]
    for batch_size in (1, 5, 8):
        sizes = {}
        for rows in range(1, batch_size + 1):
            padded = shards[0].padded(rows, batch_size)
            assert padded % (processes * each) == 0
            taken = [row for s in shards for row in range(padded)[s.stretch(rows, batch_size)]]
            assert taken == list(range(padded))
            sizes[rows] = padded
        # Or a smaller batch could not be told from a full one.
        assert all(sizes[rows] != sizes[batch_size] for rows in range(1, batch_size))


def filled(paths, folder, shard):
    opened = []

    def read(content, size, name):
        opened.append(name)
        return pixels.load(content, size, name)

    cache = ImageCache(paths, SIZE, folder, read=read, shard=shard)
    return cache, cache.fill(), opened


@pytest.fixture
def caches(paths, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda shard: filled(paths, tmp_path, shard), threads(3)))
    yield made
    for cache, _, _ in reversed(made):
        cache.close()
    assert not list(tmp_path.iterdir())


def test_each_file_is_opened_by_one_process_and_known_to_all(caches, paths, tmp_path):
    alone, known, _ = filled(paths, tmp_path / "alone", ALONE)
    shares = [set(opened) for _, _, opened in caches]
    assert [len(share) for share in shares] == [IMAGES // 3] * 3
    assert set.union(*shares) == {str(path) for path in paths}
    for cache, (digests, skipped), opened in caches:
        assert (digests, skipped) == known
        assert [item.path for item in skipped] == [paths[5]]
        before = len(opened)
        for index in range(IMAGES):
            if index != 5:
                np.testing.assert_array_equal(cache[index], alone[index])
        assert len(opened) == before
    alone.close()


def test_the_stretches_of_a_batch_are_that_of_the_only_process(caches):
    chosen = [index for index in range(IMAGES) if index != 5]
    options = {"level": "full", "shuffle": True, "seed": 3}
    labels = [index % 2 for index in chosen]
    cache = caches[0][0]
    whole = Batches(cache, chosen, labels, 8, **options)
    parts = [
        Batches(held, chosen, labels, 8, shard=Shard(number, 3, 3), **options)
        for number, (held, _, _) in enumerate(caches)
    ]
    for epoch in range(2):
        for made in (whole, *parts):
            made.epoch = epoch
        for number in range(len(whole)):
            made = [np.concatenate(both) for both in zip(*(p[number] for p in parts), strict=True)]
            expected = whole[number]
            rows = parts[0].padding()[len(made[0])]
            assert rows == len(expected[0])
            for found, wanted in zip(made, expected, strict=True):
                np.testing.assert_array_equal(found[:rows], wanted)


def test_the_others_wait_for_the_first_and_get_what_it_made(monkeypatch):
    monkeypatch.setattr("src.data.shard.CALL_SECONDS", 0.01)
    goes_on = threading.Event()

    def make():
        goes_on.wait(60)
        return {"made": 1}

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(shard.from_first, make) for shard in threads(2)]
        goes_on.set()
        assert [one.result(60) for one in found] == [{"made": 1}] * 2
