"""Checkpoints are written in one form, and nothing else passes for one."""

import base64

import pytest

from audit import checkpoints
from audit.checkpoints import BadNote, Head

SEED = "07" * 32
PUBLIC = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"
HEAD = Head("ten_1", 300, bytes(range(32)))
NOTE = checkpoints.sign(HEAD, SEED)
# The example of golang.org/x/mod/sumdb/note, where this form of signatures comes from.
EXAMPLE_NAME, EXAMPLE_KEY_ID, EXAMPLE_KEY = (
    "PeterNeumann", "c74f20a3", "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
)  # fmt: skip
EXAMPLE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)


def test_the_published_example_of_a_signed_note_is_accepted_and_refused_changed():
    key = base64.b64decode(EXAMPLE_KEY)[1:]
    text, signatures = checkpoints.split(EXAMPLE)
    assert checkpoints.key_id(EXAMPLE_NAME, key).hex() == EXAMPLE_KEY_ID
    assert checkpoints.is_signed(text, signatures, EXAMPLE_NAME, key.hex())
    assert not checkpoints.is_signed(text + " ", signatures, EXAMPLE_NAME, key.hex())
    assert not checkpoints.is_signed(text, signatures, "PeterNewman", key.hex())


def test_what_was_signed_is_read_back():
    assert checkpoints.verify(NOTE, ["00", "11" * 32, PUBLIC]) == HEAD
    assert NOTE.startswith(
        "countersign/ten_1\n300\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n— "
    )


def test_another_keys_signature_is_refused():
    with pytest.raises(BadNote, match="no key"):
        checkpoints.verify(checkpoints.sign(HEAD, "08" * 32), [PUBLIC])
    with pytest.raises(BadNote, match="no key"):
        checkpoints.verify(NOTE, [])


def test_signatures_of_others_beside_ours_are_no_harm():
    witness = checkpoints.sign(HEAD, "09" * 32).rpartition("\n\n")[2]
    assert checkpoints.verify(NOTE + witness, [PUBLIC]) == HEAD


def test_no_byte_of_the_text_can_be_changed():
    end = NOTE.index("\n\n") + 1
    for place in range(end):
        changed = NOTE[:place] + chr(ord(NOTE[place]) ^ 1) + NOTE[place + 1 :]
        with pytest.raises(BadNote):
            checkpoints.verify(changed, [PUBLIC])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("\n300\n", "\n0300\n"),
        NOTE.replace("\n300\n", "\n-1\n"),
        NOTE.replace("\n300\n", "\n٣٠٠\n"),
        NOTE.replace("\n300\n", "\n300 \n"),
        NOTE.replace("\n300\n", "\r\n300\r\n"),
        NOTE.replace("countersign/ten_1\n300", "countersign/\n300"),
        NOTE.replace("countersign/ten_1\n300", "elsewhere/ten_1\n300"),
        NOTE.replace("HRwdHh8=", "").replace("Hh8=\n\n", "Hh9=\n\n"),
        NOTE.replace("Hh8=\n\n", "Hh8\n\n"),
        NOTE.replace("Hh8=\n\n", "Hh8=\nmore\n\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— countersign/ten_1 ", "— countersign+ten_1 "),
        NOTE.rpartition(" ")[0] + " AAAA\n",
        NOTE + NOTE.rpartition("\n\n")[2] * 16,
        NOTE.replace("ten_1", "t" * 9000),
        NOTE.replace("ten_1", "ten\x00_1"),
    ],
)
def test_what_is_not_in_the_one_form_is_refused(note):
    with pytest.raises(BadNote):
        checkpoints.verify(note, [PUBLIC])


def test_the_key_is_printed_as_other_tools_take_it():
    name, key_id, encoded = checkpoints.verifier_key("ten_1", PUBLIC).split("+", 2)
    assert name == "countersign/ten_1"
    assert base64.b64decode(encoded) == b"\x01" + bytes.fromhex(PUBLIC)
    assert base64.b64decode(NOTE.split(" ")[-1])[:4].hex() == key_id
