"""What an audit found, and which of it stops a training run."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from src.auditing.content import Baseline
from src.auditing.shortcuts import MIN_IMAGES, Shortcut

MAX_SHORTCUT_AUC = 0.65
EXAMPLES = 12
MEMBERS = 6


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a data set."""

    code: str  # a short name that stays
    stops: bool  # training must not go on; else it is a warning
    sentence: str  # what is wrong and what to do
    # Paths of images that show it, those of one example together.
    examples: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Alike:
    """Sets of images that belong together: how many, and a few of them by path."""

    sets: int
    images: int
    examples: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, sets: Sequence[Sequence[int]], paths: Sequence[str]) -> Self:
        """Count sets of indices and name a few."""
        examples = [tuple(paths[index] for index in one[:MEMBERS]) for one in sets[:EXAMPLES]]
        return cls(len(sets), sum(len(one) for one in sets), tuple(examples))


@dataclass(frozen=True)
class Equalized:
    """Both models measured again, after equalising to `size` pixels and JPEG `quality`."""

    size: int
    quality: int
    container: Shortcut
    content: Shortcut


@dataclass(frozen=True)
class Audit:
    """What is known of a data set, and what follows from it."""

    counts: dict[str, dict[str, int]]  # readable images by split and class
    sources: list[str]
    unreadable: list[tuple[str, str]]  # path and reason of each file that cannot be read
    groups: int  # number of groups with more than one image
    straddling: Alike  # groups in more than one split
    copies_across_splits: Alike  # equal pictures in more than one split
    copies_within: Alike  # other equal pictures
    label_conflicts: Alike  # equal pictures in both classes that are of different groups
    near_across_splits: Alike  # nearly equal pictures in more than one split
    near_across_classes: Alike  # nearly equal pictures in both classes
    near_within: Alike  # other nearly equal pictures
    judged: tuple[str, ...]  # the splits that the two models saw
    container: Shortcut | None  # what the container facts give away; None with too few images
    content: Shortcut | None  # what the content statistics give away; None with too few images
    equalized: Equalized | None  # both again after equalising; None where that was not asked for
    baseline: Baseline | None  # the content model, fitted on the training split alone
    # What the lower end of the container AUC's interval must not exceed.
    max_shortcut_auc: float = MAX_SHORTCUT_AUC

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, the worst first."""
        return tuple(sorted(self._findings(), key=lambda finding: not finding.stops))

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings with which training must not go on."""
        return tuple(finding for finding in self.findings if finding.stops)

    def _findings(self) -> Iterable[Finding]:
        for code, stops, sentence in _SENTENCES:
            alike: Alike = getattr(self, code)
            if alike.sets:
                words = sentence.format(sets=alike.sets, images=alike.images)
                yield Finding(code, stops, words, alike.examples)
        if self.unreadable:
            path, reason = self.unreadable[0]
            words = f"{len(self.unreadable)} files cannot be read; the first: {reason}"
            yield Finding("unreadable", False, words, ((path,),))
        yield from self._shortcuts()

    def _shortcuts(self) -> Iterable[Finding]:
        judged: Audit | Equalized = self.equalized or self
        if judged.container is None or judged.content is None:
            words = f"fewer than {MIN_IMAGES} images of a class: shortcuts cannot be judged"
            yield Finding("too_few_to_judge", False, words)
            return
        after = " after equalising" if self.equalized else ""
        if judged.container.auc.low > self.max_shortcut_auc:
            words = (
                f"the files alone tell real from fake{after}: {_explain(judged.container)}; more "
                f"than {self.max_shortcut_auc:g}. A detector would learn the files, not the "
                "fakes. Bring both classes to one format, size and quality: --equalize does it"
            )
            yield Finding("container_shortcut", True, words, judged.container.extremes)
        if judged.content.auc.low > self.max_shortcut_auc:
            words = (
                f"six simple statistics tell real from fake{after}: {_explain(judged.content)}. "
                "This can be an honest trace of forgery, or an accident of how the pictures were "
                "collected: a detector that does no better has learnt nothing else"
            )
            yield Finding("content_shortcut", False, words, judged.content.extremes)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain types for JSON, the findings included."""
        return asdict(self) | {"findings": [asdict(finding) for finding in self.findings]}

    def summary(self) -> dict[str, Any]:
        """Return what goes into a detector's card: numbers, and no path."""

        def short(judged: Audit | Equalized) -> dict[str, Any]:
            both = {"container": judged.container, "content": judged.content}
            return {
                name: one and {"auc": asdict(one.auc), "cues": one.cues}
                for name, one in both.items()
            }

        after = self.equalized
        return {
            "stops": [finding.code for finding in self.findings if finding.stops],
            "warns": [finding.code for finding in self.findings if not finding.stops],
            **{code: getattr(self, code).images for code in ALIKE},
            "unreadable": len(self.unreadable),
            "max_shortcut_auc": self.max_shortcut_auc,
            "judged": list(self.judged),
            **short(self),
            "equalized": after and {"size": after.size, "quality": after.quality, **short(after)},
            "baseline": self.baseline and asdict(self.baseline),
        }


def _explain(shortcut: Shortcut) -> str:
    real, fake = shortcut.typical
    return (
        f"AUC {shortcut.auc} on images not seen, by the {shortcut.strongest} above all (real: "
        f"{real}; fake: {fake})"
    )


# Code, whether it stops training, and the sentence.
_SENTENCES = (
    (
        "copies_across_splits",
        True,
        "{images} images are copies of one another across splits (pictures: {sets}): what is "
        "tested was trained on. Keep each in one split",
    ),
    (
        "straddling",
        True,
        "groups that are in more than one split: {sets}, with {images} images. Frames of one "
        "video, or one person, would be trained and tested on. Move each group into one split",
    ),
    (
        "label_conflicts",
        True,
        "{images} images are real and fake at once (pictures: {sets}): equal pixels in both "
        "classes. Find out which is right, and remove the other",
    ),
    (
        "copies_within",
        False,
        "{images} images are copies of one another within a split and class (pictures: {sets}): "
        "they count more than the others",
    ),
    (
        "near_across_splits",
        False,
        "{images} images are nearly equal across splits (sets: {sets}): bursts, crops or one "
        "person in one pose make a test look easier than it is. If they belong together, say so "
        "in groups.csv",
    ),
    (
        "near_across_classes",
        False,
        "{images} images are nearly equal across classes (sets: {sets}). Where a fake was made "
        "from the real one, say so in pairs.csv",
    ),
    (
        "near_within",
        False,
        "{images} images are nearly equal within a split and class (sets: {sets}): there is less "
        "variety than the numbers say",
    ),
)

# What `Audit` has an `Alike` of.
ALIKE = tuple(code for code, _, _ in _SENTENCES)
