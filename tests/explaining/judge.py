"""What may be said of a picture, by what was measured of it: written apart from what filters."""

import re

from src.detector import verdict

# What introduces a note.
TOPIC = r"(?:On [\w ]+|Also good to know)"
STATES = {
    "absent": "The file has no Content Credentials: nobody has signed where it comes from",
    "not checked": "The file's Content Credentials were not checked: pip install c2pa-python",
    "unreadable": "The file has Content Credentials that cannot be read",
    "invalid": r"The file's Content Credentials do not hold: [\w .;]+",
    "untrusted": r"The file's Content Credentials are valid and signed by somebody who is on no "
    r"list of trusted roots that was given(?:, under the name “[^“”]*”, which anybody can choose)?",
    "trusted": r"The file's Content Credentials are valid and signed by somebody who is on the "
    r"list of trusted roots(?:, under the name “[^“”]*”)?",
}


PROMISES = (
    ("error.false_fake", "real faces", "fake"),
    ("error.false_real", "fakes", "real"),
)
PLACES = {
    "eyes": "at the eyes",
    "nose": "at the nose",
    "mouth": "at the mouth",
    "forehead": "at the forehead",
    "cheeks and jaw": "at cheeks and jaw",
    "hair and background": "around the face, in hair and background",
    "face": "in the face itself",
}


def percent(share, digits=1):
    if digits == 1 and not 0.0005 <= share <= 0.9995:
        return "under 0.1 %" if share < 0.5 else "over 99.9 %"
    return f"{100 * share:.{digits}f} %"


def facts(values):
    """Return patterns of what holds where these values were measured, by id."""
    word, chance = values["verdict"], percent(values["p_fake"])
    calls = f"The detector calls this picture {word}"
    if word == "inconclusive":
        calls = r"The detector gives no verdict on this picture \(inconclusive\)"
    found = {
        "verdict": [calls, f"The verdict is {word}"],
        "p_fake": [f"(?:The detector )?puts the probability of a fake at {chance}",
                   f"The probability of a fake is put at {chance}"],
    }  # fmt: skip
    for name, value in values.items():
        if name.startswith("reason."):
            why = re.escape(verdict.REASONS[value].removesuffix("."))
            found[name] = [f"(?:Of another of the faces: )?{why}"]
    found |= {"thresholds": [_limits(values["thresholds"])], "file": [_file(values["file"])]}
    for name, who, called in PROMISES:
        if one := values.get(name):
            found[name] = [
                f"On average at most {percent(one['rate'])} of {who} are called {called}, if they "
                f"are like the {one['images']} that the detector was calibrated on"
            ]
    found["stability"] = _copies(values["stability"])
    if "evidence.where" in values:
        found["evidence.where"] = [_where(values["evidence.where"])]
    if "evidence.concentration" in values:
        half = percent(values["evidence.concentration"], 0)
        found["evidence.concentration"] = [
            rf"Half of the evidence for (?:fake|real) lies in {half} of the area"
        ]
    found["face.size"] = [
        rf"The (?:picture|face with its surroundings) has {values['face.size']} pixels on its "
        r"shorter side(?:, (?:at least as many as|fewer than) the \d+ that the detector needs)?"
    ]
    found["file.metadata"] = [_metadata(values["file.metadata"])]
    if "file.before" in values:
        found["file.before"] = [
            f"The pixels show an earlier compression at about quality {values['file.before']}, so "
            "the file is likely a copy that was saved again"
        ]
    found["credentials"] = [STATES[values["credentials"]["state"]]]
    if one := values.get("spectrum"):
        rare = "which is rare but no proof" if one["as_high"] < 0.02 else "so this says nothing"
        share = f"in {percent(one['as_high'])}" if one["as_high"] else "in none"
        found["spectrum"] = [
            "Peaks in the picture's spectrum, as a generator's enlarging steps leave them, stand "
            rf"out at least as much {share} of \d+ known real photographs, {rare}"
        ]
    return found


def _limits(one):
    if one is None:
        return (
            "This detector was never calibrated: it calls fake whatever it puts at 50 % or more, "
            "and promises no error rate"
        )
    real, fake = percent(one["real"]), percent(one["fake"])
    return (
        rf"(?:The detector )?calls a face fake above {fake} and real below {real}"
        r"(?:, and gives no verdict in between)?"
    )


def _copies(one):
    low, high = percent(one["low"]), percent(one["high"])
    ends = rf"(?:between {low} and {high}|at {low})"
    saved = f"{one['of']} copies saved again so mildly that nobody sees it"
    if not one["counts"]:
        return [f"In {saved}, the probability stays {ends}"]
    if one["same"] == one["of"]:
        all_same = f"All {saved} get the same verdict; the probability stays {ends}"
        return [all_same, f"The verdict is the same for all {saved}"]
    return [
        f"Of {saved}, {one['same'] or 'none'} gets? the same verdict: it does not hold firm. "
        f"The probability lies {ends}"
    ]


def _where(one):
    rows, columns = one["cells"]
    grid = f"seen on a grid of {columns} × {rows} cells(?:, too coarse to tell eyes from mouth)?"
    if (name := one["strongest"]) is None:
        return f"The evidence for {one['for']} is spread over face and surroundings, {grid}"
    place = PLACES[name]
    share, area = percent(one["shares"][name], 0), percent(one["areas"][name], 0)
    return (
        f"The evidence for {one['for']} is strongest {place}: {share} of it lies on {area} of the "
        f"area, {grid}"
    )


def _file(one):
    size = f"{one['width']} × {one['height']}"
    quality = one["quality"]
    return (
        f"The file has the format {one['format']} and {size} pixels"
        f"(?:, compressed at about quality {quality})?"
    )


def _metadata(one):
    if one["software"] or one["camera"]:
        return r"The file names [^“”;]*(?:“[^“”]*”[^“”;]*)*; anybody can write that there"
    return (
        "(?:The file carries no camera metadata, which by itself proves nothing|"
        "The file's metadata name neither a camera nor a program)"
    )


def unsupported(found):
    """Return the sentences of an answer that do not rest on what they cite."""
    known = facts({name: one["value"] for name, one in found["measurements"].items()})
    for name, one in found["notes"].items():
        known[name] = [rf"(?:{TOPIC}: )?{re.escape(one['title'])} \([\w\- .]+, \d{{4}}\)",
                       rf"(?:{TOPIC}: )?“{re.escape(one['text'])}” \(.*\)"]  # fmt: skip
    return [one["text"] for one in found["sentences"] if not _rests(one, known)]


def _rests(sentence, known):
    """Tell whether a sentence is made of facts about all that it cites, and of nothing else."""
    cited = [name for name in sentence["citations"] if name in known]
    if not cited or len(cited) < len(sentence["citations"]):
        return False
    told = ["(?:{})".format("|".join(known[name])) for name in cited]
    # A note is cited with the measurement that it is about.
    orders = [told, told[::-1], told[:1]]
    text = sentence["text"].removesuffix(".")
    return any(re.fullmatch(r"(?:\. |, and )".join(order), text, re.I) for order in orders)
