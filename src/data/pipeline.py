"""Batches for training and evaluation, for every Keras backend.

Loads Keras: import it where batches are made, not at the start of a program.
"""

import copy
from collections import Counter
from collections.abc import Callable, Sequence

import keras
import numpy as np

from src.data import augment
from src.data.cache import ImageCache
from src.data.self_blend import counterpart, self_blend
from src.data.shard import ALONE, Shard

WORKERS = 2
QUEUED_BATCHES = 6
# Sets the generators of self-blends apart from those of augmentation.
BLEND_STREAM = 1


class Batches(keras.utils.PyDataset):
    """Batches of images and labels out of a cache.

    Order and augmentation depend only on (seed, epoch, position), so a run that is resumed sees
    what the uninterrupted one would have seen. Set `epoch` before each epoch. A fake and a real
    image of one group (the frame that it was made from) are twins: they stand side by side, mostly
    in one batch, cropped and augmented alike; what tells them apart is then the manipulation and
    not the person. So are a self-blend and its image.

    Args:
        indices: which images of the cache, in order; one may come more than once.
        labels: `(len(indices),)` 1 for fake, 0 for real.
        batch_size: images a batch; the last may be smaller.
        level: one of `augment.LEVELS`.
        shuffle: a new order every epoch.
        groups: `(len(indices),)` what belongs together; None: nothing does.
        landmarks: `(len(indices),)` the landmarks of a face, or None. A fake that has them is a
            self-blend of its (real) image, made anew in every epoch. None: no self-blending.
        crop: side of the random square that is cut out of each image, in its pixels; None: whole.
        shard: which process this is: of every batch it makes its stretch alone, see `Shard`.
    """

    def __init__(
        self,
        cache: ImageCache,
        indices: Sequence[int] | np.ndarray,
        labels: Sequence[int] | np.ndarray,
        batch_size: int,
        *,
        level: str = "none",
        shuffle: bool = False,
        seed: int = 0,
        groups: Sequence[str] | None = None,
        landmarks: Sequence[np.ndarray | None] | None = None,
        crop: int | None = None,
        shard: Shard = ALONE,
    ) -> None:
        super().__init__(workers=WORKERS, max_queue_size=QUEUED_BATCHES)
        self.cache = cache
        self.indices = np.asarray(indices)
        self.labels = np.asarray(labels, np.float32)
        self.batch_size = batch_size
        self.level = level
        self.shuffle = shuffle
        self.seed = seed
        self.groups = groups
        self.landmarks = landmarks
        self.crop = crop
        self.shard = shard
        self.epoch = 0
        self._twins = self._pair()
        self._order = (-1, np.empty(0, int))

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch `number`: `(n, S, S, 3)` uint8 RGB and `(n, 1)` float32 labels."""
        epoch = self.epoch
        chosen = self._chosen(number, epoch)
        part = self.shard.stretch(len(chosen), self.batch_size)
        side, rows = self.crop or self.cache.size, part.stop - part.start
        # What is left of them where the batch ends before the stretch is padding.
        images = np.zeros((rows, side, side, 3), np.uint8)
        labels = np.zeros((rows, 1), np.float32)
        for row, position in enumerate(chosen[part]):
            images[row], labels[row] = self.view(position, epoch), self.labels[position]
        return images, labels

    def padding(self) -> dict[int, int]:
        """Return how many rows of a batch are no padding, by how many it has with padding."""
        last = len(self.indices) - (len(self) - 1) * self.batch_size
        return {self.shard.padded(rows, self.batch_size): rows for rows in (self.batch_size, last)}

    def view(self, position: int, epoch: int) -> np.ndarray:
        """Return the image at `position` as in `epoch`: `(S, S, 3)` uint8 RGB."""
        image = self._unvaried(position, epoch)
        rng = np.random.default_rng((self.seed, epoch, int(self._twins[position])))
        if self.crop is not None:
            top, left = rng.integers(0, image.shape[0] - self.crop + 1, 2)
            image = np.ascontiguousarray(image[top : top + self.crop, left : left + self.crop])
        return augment.augment(image, rng, self.level)

    def _unvaried(self, position: int, epoch: int) -> np.ndarray:
        """Return the image at `position`, or the self-blend that stands there in `epoch`.

        With self-blending, every other image is what would surround its blend: beside plain
        images, the blends could be told by what was done to the whole of them.
        """
        image = self.cache[int(self.indices[position])]
        if self.landmarks is None:
            return image
        face = self.landmarks[position]
        rng = np.random.default_rng((self.seed, epoch, int(self._twins[position]), BLEND_STREAM))
        if face is not None and self.labels[position]:
            return self_blend(image, face, rng).image
        return counterpart(image, face, rng)

    def _chosen(self, number: int, epoch: int) -> np.ndarray:
        """Return the positions of batch `number` in the order of `epoch`."""
        held, order = self._order
        if held != epoch:
            order = self._ordered(epoch)
            self._order = (epoch, order)
        return order[number * self.batch_size : (number + 1) * self.batch_size]

    def _ordered(self, epoch: int) -> np.ndarray:
        """Return all positions in the order of `epoch`: twins stand where the first of them is."""
        count = len(self.indices)
        if not self.shuffle:
            return np.arange(count)
        order = np.random.default_rng((self.seed, epoch)).permutation(count)
        first = np.full(count, count)
        np.minimum.at(first, self._twins[order], np.arange(count))
        return order[np.argsort(first[self._twins[order]], kind="stable")]

    def _pair(self) -> np.ndarray:
        """Number what is shown alike, `(len(indices),)`.

        The n-th fake of a group goes with its n-th real image; a self-blend is not counted, and
        goes with the image that it is made of.
        """
        if self.groups is None:
            return np.arange(len(self.indices))
        faces = self.landmarks or [None] * len(self.indices)
        counted: Counter[tuple[str, float]] = Counter()
        numbers: dict[tuple[str, int], int] = {}
        of_image: dict[tuple[str, int], int] = {}
        blends = []
        twins = np.empty(len(self.indices), int)
        for position, (group, label) in enumerate(zip(self.groups, self.labels, strict=True)):
            if label and faces[position] is not None:
                blends.append(position)
                continue
            nth = (group, counted[group, label])
            counted[group, label] += 1
            twins[position] = numbers.setdefault(nth, len(numbers))
            of_image[group, int(self.indices[position])] = twins[position]
        for position in blends:
            twins[position] = of_image[self.groups[position], int(self.indices[position])]
        return twins


class FeatureBatches(Batches):
    """Batches of a frozen backbone's features in place of images, in the same order.

    Each view of every image is computed once; epoch `e` uses view `e % views`. View 0 is not
    augmented, the others are.

    Args:
        extractor: a model from images to `(n, C)` features.
        advance: called after each batch.
    """

    def __init__(
        self, batches: Batches, extractor: keras.Model, views: int, advance: Callable[[], object]
    ) -> None:
        self.__dict__.update(vars(batches))
        step = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: advance())
        self.features = []
        for view in range(views):
            images = copy.copy(batches)
            images.epoch, images.shuffle = view, False
            if not view:
                images.level = "none"
            self.features.append(extractor.predict(images, callbacks=[step], verbose=0))

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch `number`: `(n, C)` features and `(n, 1)` float32 labels."""
        chosen = self._chosen(number, self.epoch)
        return self.features[self.epoch % len(self.features)][chosen], self.labels[chosen, None]
