"""Our algorithms against vectors made to break implementations: Wycheproof and CCTV."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from webhooks.schemes.base import Algorithm
from webhooks.schemes.signatures import SIGNERS

CORPORA = Path(__file__).resolve().parents[2] / "corpora"
# Of the numbers of those that cryptography 50 accepts.
FROZEN = "79f47c952cc5774e"
WYCHEPROOF = CORPORA / "wycheproof" / "testvectors_v1"


def groups_of(name: str) -> list[dict[str, Any]]:
    return json.loads((WYCHEPROOF / f"{name}_test.json").read_text())["testGroups"]


def fits(algorithm: Algorithm, key: bytes, case: dict[str, Any], signature: str) -> bool:
    content, given = bytes.fromhex(case["msg"]), bytes.fromhex(case[signature])
    try:
        return SIGNERS[algorithm].fits(key, content, given)
    except ValueError:  # no key of this algorithm: the source could not have been saved
        return False


@pytest.mark.parametrize(
    ("algorithm", "name", "bits"),
    [(Algorithm.HMAC_SHA256, "hmac_sha256", 256), (Algorithm.HMAC_SHA512, "hmac_sha512", 512)],
)
def test_hmac_decides_like_wycheproof_and_takes_no_shortened_tag(algorithm, name, bits):
    seen: Counter[str] = Counter()
    for group in groups_of(name):
        for case in group["tests"]:
            is_whole = group["tagSize"] == bits
            found = fits(algorithm, bytes.fromhex(case["key"]), case, "tag")
            assert found is (is_whole and case["result"] == "valid"), case["tcId"]
            seen[case["result"] if is_whole else "shortened"] += 1
    assert seen == {"valid": 33, "invalid": 54, "shortened": 87}


@pytest.mark.parametrize(
    ("algorithm", "name", "total"),
    [(Algorithm.ED25519, "ed25519", 151), (Algorithm.ECDSA_P256, "ecdsa_secp256r1_sha256", 484),
     (Algorithm.RSA_SHA256, "rsa_signature_2048_sha256", 259)],
)  # fmt: skip
def test_public_keys_decide_like_wycheproof(algorithm, name, total):
    seen = 0
    for group in groups_of(name):
        key = bytes.fromhex(
            group["publicKey"]["pk"] if algorithm is Algorithm.ED25519 else group["publicKeyDer"]
        )
        for case in group["tests"]:
            # The one merely "acceptable" RSA signature leaves out a NULL: we do not take it.
            assert fits(algorithm, key, case, "sig") is (case["result"] == "valid"), case["tcId"]
            seen += 1
    assert seen == total


def test_decisions_on_edge_cases_of_ed25519_are_frozen():
    """Libraries differ here. A change of ours has to be seen, not to happen."""
    cases = json.loads((CORPORA / "cctv-ed25519" / "ed25519vectors.json").read_text())
    accepted = [case["number"] for case in cases if _fits(case)]

    assert (len(cases), len(accepted)) == (914, 208)
    assert hashlib.sha256(json.dumps(accepted).encode()).hexdigest().startswith(FROZEN)


def _fits(case: dict[str, Any]) -> bool:
    key, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["sig"])
    try:
        return SIGNERS[Algorithm.ED25519].fits(key, case["msg"].encode(), signature)
    except ValueError:
        return False
