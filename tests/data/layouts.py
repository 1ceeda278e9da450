"""Data folders made on the spot, for tests."""

from collections import Counter

from src.data import folders

LAYOUT = {"train/real": 6, "train/fake": 6, "test/real": 3, "test/fake": 3}


def fill(root, counts):
    """Write so many files into each folder; scan looks at no pixels, so any content will do."""
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            (root / folder / f"{index:04}.jpg").write_text(f"{root.name} {folder} {index}")
    return root


def counts(samples):
    return Counter((sample.split, folders.CLASSES[sample.label]) for sample in samples)


def splits_of(samples):
    return {(sample.label, sample.path.name): sample.split for sample in samples}
