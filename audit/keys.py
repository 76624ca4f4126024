"""Signing keys that follow each other: the old one signs the announcement of the new. Pure.

An announcement is a signed note like a checkpoint: kind, old key or `-` where it was lost, new key,
time; both keys sign it. Whoever trusts one key can follow the chain to the present one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import checkpoints
from audit.checkpoints import BadNote

KIND = "countersign/key-rotation"
LOST = "-"
HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Announcement:
    """That the new key signs from now on; `old` is empty where it was lost."""

    old: str
    new: str
    at: str


@dataclass
class Chain:
    """The keys that are trusted, and those that claim to follow a lost one."""

    keys: list[str]
    lost: list[Announcement] = field(default_factory=list)


def public(seed_hex: str) -> str:
    """The public half of a signing key, in hexadecimal."""
    seed = bytes.fromhex(seed_hex)
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()


def announce(old_seed: str, new_seed: str, *, at: str) -> str:
    """The note that leads from one key to the next; an empty old one was lost."""
    old = public(old_seed) if old_seed else LOST
    text = f"{KIND}\n{old}\n{public(new_seed)}\n{at}\n"
    seeds = [seed for seed in (old_seed, new_seed) if seed]
    return text + "\n" + "".join(checkpoints.signature_line(KIND, text, seed) for seed in seeds)


def parse(note: str) -> Announcement:
    """What the note says, if each key that it names has signed it; raises BadNote."""
    text, signatures = checkpoints.split(note)
    lines = text.split("\n")
    if len(lines) != 5 or lines[0] != KIND or not HEX.fullmatch(lines[2]) or not lines[3]:
        raise BadNote("the note announces no key")
    old, new = lines[1], lines[2]
    signers = [new] if old == LOST else [old, new]
    if not all(checkpoints.is_signed(text, signatures, KIND, key) for key in signers):
        raise BadNote("the announcement is not signed by the keys that it names")
    return Announcement("" if old == LOST else old, new, lines[3])


def follow(trusted: Iterable[str], notes: Iterable[str]) -> Chain:
    """The trusted keys and those that they announced, in their order; others are not followed."""
    chain = Chain(list(dict.fromkeys(trusted)))
    for note in notes:
        try:
            found = parse(note)
        except BadNote:
            continue
        if found.new in chain.keys:
            continue
        if found.old in chain.keys:
            chain.keys.append(found.new)
        elif not found.old:
            chain.lost.append(found)
    return chain
