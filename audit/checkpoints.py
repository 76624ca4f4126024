"""Checkpoints: a tree's size and root as signed text (C2SP tlog-checkpoint, signed note). Pure.

The text has three lines: origin, size, root in base64. Behind an empty line follow signatures, each
`— name base64(key id of four bytes, signature)`. Our origin is also the name of the key.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.merkle import HASH_BYTES

ORIGIN = "countersign/"
ED25519 = b"\x01"
KEY_ID_BYTES = 4
MAX_NOTE_BYTES = 8192
MAX_SIGNATURES = 16
DASH = "— "
SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
# Everything below a blank but the end of a line, and DEL.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f]")


class BadNote(ValueError):
    """The text is no checkpoint, or nobody whom we trust signed it."""


@dataclass(frozen=True)
class Head:
    """What a checkpoint says: this log had so many leaves, and this root (32 bytes)."""

    log: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{ORIGIN}{self.log}\n{self.size}\n{_encode(self.root)}\n"


@dataclass(frozen=True)
class Signature:
    """One line below the text."""

    name: str
    key_id: bytes
    value: bytes


def sign(head: Head, seed_hex: str) -> str:
    """The checkpoint, signed with the Ed25519 key of a 32-byte seed."""
    return f"{head.text}\n{signature_line(f'{ORIGIN}{head.log}', head.text, seed_hex)}"


def signature_line(name: str, text: str, seed_hex: str) -> str:
    """The line below a text that says that this key, under this name, signed it."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed_hex))
    signature = key_id(name, key.public_key().public_bytes_raw()) + key.sign(text.encode())
    return f"{DASH}{name} {_encode(signature)}\n"


def verify(note: str, public_keys: list[str]) -> Head:
    """What the checkpoint says, if one of these keys (hexadecimal) signed it; raises BadNote."""
    text, signatures = split(note)
    head = _head(text)
    if not any(is_signed(text, signatures, f"{ORIGIN}{head.log}", key) for key in public_keys):
        raise BadNote("no key that is trusted here has signed this checkpoint")
    return head


def parse(note: str) -> Head:
    """What the checkpoint says, whoever may have signed it; raises BadNote."""
    return _head(split(note)[0])


def is_signed(text: str, signatures: list[Signature], name: str, public_hex: str) -> bool:
    """Whether this key, under this name, signed the text; malformed keys are a no."""
    try:
        public = bytes.fromhex(public_hex)
        key = Ed25519PublicKey.from_public_bytes(public)
    except ValueError:
        return False
    wanted = key_id(name, public)
    for signature in signatures:
        if (signature.name, signature.key_id) != (name, wanted):
            continue
        try:
            key.verify(signature.value, text.encode())
        except InvalidSignature:
            return False
        return True
    return False


def key_id(name: str, public: bytes) -> bytes:
    """The first bytes of a digest over a key and its name, which say who may have signed."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:KEY_ID_BYTES]


def verifier_key(log: str, public_hex: str) -> str:
    """The key as other tools for signed notes take it: `name+key id+base64(kind, key)`."""
    public = bytes.fromhex(public_hex)
    name = f"{ORIGIN}{log}"
    return f"{name}+{key_id(name, public).hex()}+{_encode(ED25519 + public)}"


def split(note: str) -> tuple[str, list[Signature]]:
    """The signed text, with its last end of line, and the signatures; raises BadNote."""
    if len(note.encode("utf-8", "replace")) > MAX_NOTE_BYTES or CONTROL.search(note):
        raise BadNote("the note is too long, or holds control characters")
    text, parted, below = note.rpartition("\n\n")
    lines = below.split("\n")
    if not parted or not text or lines.pop() != "":
        raise BadNote("the note has no signatures below an empty line")
    if not 0 < len(lines) <= MAX_SIGNATURES:
        raise BadNote(f"the note has {len(lines)} signatures")
    return f"{text}\n", [_signature(line) for line in lines]


def _head(text: str) -> Head:
    lines = text.split("\n")
    if len(lines) != 4 or not lines[0].startswith(ORIGIN) or not SIZE.fullmatch(lines[1]):
        raise BadNote("the note does not consist of our origin, a size and a root")
    log, root = lines[0].removeprefix(ORIGIN), _decode(lines[2])
    if not log or len(root) != HASH_BYTES:
        raise BadNote("the note names no log, or its root has a wrong length")
    return Head(log, int(lines[1]), root)


def _signature(line: str) -> Signature:
    name, _, value = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not name or "+" in name or name != "".join(name.split()):
        raise BadNote("a line below the text is no signature")
    decoded = _decode(value)
    if len(decoded) <= KEY_ID_BYTES:
        raise BadNote("a signature is too short")
    return Signature(name, decoded[:KEY_ID_BYTES], decoded[KEY_ID_BYTES:])


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _decode(text: str) -> bytes:
    """Base64 in its one form: other letters, missing padding and stray bits are refused."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("the note holds something that is not base64") from error
    if _encode(value) != text:
        raise BadNote("the note holds base64 in an unusual form")
    return value
