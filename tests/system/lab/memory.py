"""Where secrets lie in the memory of a process that runs.

Secret memory is what core files leave out: VmFlags has "dd" (proc(5)).
"""

import base64
import re
from dataclasses import dataclass
from pathlib import Path

PIECE = 8  # bytes: a part of a key is found too


@dataclass(frozen=True)
class Place:
    name: str  # of the secret
    form: str  # raw, hex, base64
    mapping: str
    is_secret: bool
    is_locked: bool


@dataclass(frozen=True)
class Mapping:
    first: int
    end: int
    name: str
    flags: frozenset


def mappings(pid):
    """Those that can be read."""
    found, head = [], None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (r?)\S+ \S+ \S+ \S+\s*(.*)", line):
            head = match
        elif line.startswith("VmFlags:") and head[3]:
            found.append(Mapping(int(head[1], 16), int(head[2], 16), head[4] or "anonymous",
                                 frozenset(line.split()[1:])))
    return found


def forms(key):
    """All that a key of 32 bytes, given as base64, may look like, in pieces."""
    raw = base64.b64decode(key)
    texts = {"raw": raw, "hex": raw.hex().encode(), "base64": key.encode().rstrip(b"=")}
    for form, text in texts.items():
        step = PIECE if form == "raw" else 2 * PIECE
        for at in range(0, len(text) - step + 1, step):
            yield form, text[at:at + step]


def search(pid, **keys):
    """The places, each once, of keys given as NAME=base64."""
    wanted = {piece: (name, form) for name, key in keys.items() for form, piece in forms(key)}
    pattern = re.compile(b"|".join(map(re.escape, wanted)))
    places = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for mapping in mappings(pid):
            try:
                memory.seek(mapping.first)
                content = memory.read(mapping.end - mapping.first)
            except (OSError, ValueError):  # the kernel's: vvar, vsyscall
                continue
            for match in pattern.finditer(content):
                places.add(Place(*wanted[match[0]], mapping.name, "dd" in mapping.flags,
                                 "lo" in mapping.flags))
    return places


def names(places):
    return {place.name for place in places}


def astray(places):
    """Those that are where no secret may be, or are text, which is wiped when it was used."""
    return {place for place in places if not place.is_secret or place.form != "raw"}
