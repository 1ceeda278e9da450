"""Tell by its content whether a file can be a video, before a decoder sees it.

A closed list, because the decoders would also open playlists, by which a file makes them read other
files.
"""

# How much of a file it takes.
START = 256
# What containers begin with, and where.
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_SIGNATURES = (
    *((4, box) for box in _BOXES),  # .mp4, .m4v, .mov
    (0, bytes.fromhex("1a45dfa3")),  # .mkv, .webm
    (8, b"AVI "),
    (0, bytes.fromhex("3026b2758e66cf11")),  # .wmv
    (0, bytes.fromhex("000001ba")),  # .mpg
    (0, bytes.fromhex("000001b3")),
    (0, b"FLV"),
    (0, b"OggS"),
)
# MPEG-TS has no more than a byte at the start of every packet, of 188 bytes or, in .m2ts, 192.
_SYNC, _PACKETS = 0x47, ((0, 188), (4, 192))
NAMES = ".mp4, .mov, .mkv, .webm, .avi, .mpg, .ts or .wmv"


def holds_video(start: bytes) -> bool:
    """Tell whether a file that begins so is a container of videos, by its signature.

    Args:
        start: the first `START` bytes of the file, or all where it has fewer.
    """
    if any(start[at:].startswith(signature) for at, signature in _SIGNATURES):
        return True
    return any(start[at : at + step + 1 : step] == bytes([_SYNC] * 2) for at, step in _PACKETS)
