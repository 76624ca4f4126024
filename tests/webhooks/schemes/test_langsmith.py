"""A callback that LangSmith's own package accepted is accepted; tokens of another make are not."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.webhooks.schemes.deliveries import JSON, NOW, Given
from tests.webhooks.schemes.keys import KEY, URL
from webhooks.schemes.catalogue import SCHEMES
from webhooks.schemes.langsmith import HEADER, allows, is_usable, keys_in
from webhooks.schemes.reasons import Reason
from webhooks.schemes.secrets import BadSecret, key_of

RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "webhooks" / "langsmith"
JWKS = (RECORDED / "jwks.json").read_bytes()
BODY = (RECORDED / "callback.json").read_bytes()
PLACE = "https://api.smith.langchain.com/.well-known/jwks.json"
WORKSPACE = "0b6e7c1a-5d1f-4a7e-9c3e-2f6f1d0a4b11"
SECRET = f"{PLACE} {WORKSPACE}"
PRIVATE = ed25519.Ed25519PrivateKey.from_private_bytes(KEY)
LANGSMITH = SCHEMES["langsmith"]


def claims(body: bytes = BODY, **changes: Any) -> dict[str, Any]:
    """As LangSmith makes them; a claim that is None is left out."""
    made = {
        "iss": "https://api.smith.langchain.com", "sub": "langsmith-sandbox-callback",
        "aud": URL.decode(), "iat": NOW, "exp": NOW + 60,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    } | changes  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def signed(
    payload: dict[str, Any] | None = None, *, key: Any = PRIVATE, algorithm: str = "EdDSA",
    **header: Any,
) -> str:  # fmt: skip
    """A token of these claims, made by PyJWT."""
    return jwt.encode(
        payload or claims(), key, algorithm=algorithm, headers={"kid": "key-2026", **header}
    )


def callback(token: str | None = None, **changes: Any) -> Given:
    headers = {"content-type": JSON, HEADER: signed() if token is None else token}
    made = Given("langsmith", (SECRET,), BODY, headers, documents={PLACE: JWKS})
    return made.with_(**changes)


def unsigned(header: dict[str, Any], payload: dict[str, Any] | None = None) -> str:
    """A token whose header says anything, with a signature of the right length."""
    parts = [json.dumps(part).encode() for part in (header, payload or claims())]
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, b"x" * 64)
    )


@pytest.mark.proves("a callback that langsmith 0.15.1 (PyPI) accepted", "langsmith")
def test_callback_that_langsmiths_package_accepted_is_accepted():
    headers = json.loads((RECORDED / "callback.headers.json").read_bytes())
    given = callback().with_(headers=headers, now=NOW + 10)

    delivery = given.verified()

    assert delivery.sent_at == NOW
    assert delivery.event_id.startswith("sha256:")
    assert given.with_(body=BODY + b" ").reason is Reason.WRONG_SIGNATURE


def test_one_token_is_one_event_and_another_token_another():
    first, again = callback().verified(), callback().verified()
    later = callback(signed(claims(iat=NOW + 1))).verified()

    assert first.event_id == again.event_id != later.event_id


@pytest.mark.parametrize("changes", [{"aud": ["https://a.test", URL.decode()]}, {"nbf": NOW + 30},
                                     {"exp": NOW - 30}, {"iat": NOW + 30}])  # fmt: skip
def test_what_the_package_leaves_open_is_accepted(changes):
    assert callback(signed(claims(**changes))).verified()


@pytest.mark.parametrize("documents", [{}, {PLACE: b""}, {PLACE: b'{"keys":[]}'}])
def test_keys_that_are_not_at_hand_are_asked_for(documents):
    refused = callback(documents=documents).refusal()

    assert (refused.reason, refused.wanted) == (Reason.NO_DOCUMENT, PLACE)


def test_unknown_key_is_asked_for_and_known_ones_are_not():
    refused = callback(signed(kid="key-2027")).refusal()

    assert (refused.reason, refused.wanted) == (Reason.NO_DOCUMENT, PLACE)


def test_second_secret_counts_with_keys_of_its_own():
    other = "https://eu.api.smith.langchain.com/.well-known/jwks.json " + WORKSPACE

    delivery = callback(secrets=(other, SECRET)).verified()

    assert delivery.secret_index == 1


OTHER = ed25519.Ed25519PrivateKey.from_private_bytes(b"x" * 32)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (callback().with_(headers={"content-type": JSON}), Reason.MISSING),
        (callback().with_(more_headers=((HEADER, signed()),)), Reason.REPEATED),
        (callback(""), Reason.MALFORMED_SIGNATURE),
        (callback("a.b"), Reason.MALFORMED_SIGNATURE),
        (callback("a.b.c.d"), Reason.MALFORMED_SIGNATURE),
        (callback("." * 3), Reason.MALFORMED_SIGNATURE),
        (callback("a" * 5000), Reason.MALFORMED_SIGNATURE),
        (callback("é.é.é"), Reason.MALFORMED_SIGNATURE),
        (callback(signed() + "="), Reason.MALFORMED_SIGNATURE),
        (callback(signed().replace(".", ". ")), Reason.MALFORMED_SIGNATURE),
        (callback(unsigned({"alg": "none", "kid": "key-2026"})), Reason.MALFORMED_SIGNATURE),
        (callback(unsigned({"alg": "HS256", "kid": "key-2026"})), Reason.MALFORMED_SIGNATURE),
        (callback(unsigned({"alg": "eddsa", "kid": "key-2026"})), Reason.MALFORMED_SIGNATURE),
        (callback(unsigned({"alg": "EdDSA"})), Reason.MALFORMED_SIGNATURE),
        (callback(unsigned({"alg": "EdDSA", "kid": 7})), Reason.MALFORMED_SIGNATURE),
        (callback(unsigned({"alg": "EdDSA", "kid": "key-2026", "crit": ["b64"]})),
         Reason.MALFORMED_SIGNATURE),
        (callback(unsigned({"alg": "EdDSA", "kid": "key-2026"})), Reason.WRONG_SIGNATURE),
        (callback(signed(key=base64.b64encode(KEY).decode(), algorithm="HS256")),
         Reason.MALFORMED_SIGNATURE),
        (callback(signed(key=OTHER)), Reason.WRONG_SIGNATURE),
        (callback(signed()[:-4]), Reason.WRONG_SIGNATURE),
        (callback(secrets=()), Reason.NO_SECRET),
        # The same keys sign for every customer: only the workspace tells ours from theirs.
        (callback(secrets=(f"{PLACE} 11111111-1111",)), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(b"{}")), body=b"{}"), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(b"[]")), body=b"[]"), Reason.WRONG_SIGNATURE),
        (callback(body=BODY + b" "), Reason.WRONG_SIGNATURE),
        (callback(url=URL + b"/"), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(aud="https://a.test"))), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(aud=None))), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(aud={"a": 1}))), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(sub="user-1"))), Reason.MALFORMED_SIGNATURE),
        (callback(signed(claims(iss=None))), Reason.MALFORMED_SIGNATURE),
        (callback(signed(claims(body_sha256=None))), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(body_sha256="é"))), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(body_sha256=7))), Reason.WRONG_SIGNATURE),
        (callback(signed(claims(exp=None))), Reason.MALFORMED_TIMESTAMP),
        (callback(signed(claims(exp=1e300))), Reason.MALFORMED_TIMESTAMP),
        (callback(signed(claims(iat=None))), Reason.MALFORMED_TIMESTAMP),
        (callback(signed(claims(iat=-1))), Reason.MALFORMED_TIMESTAMP),
        (callback(unsigned({"alg": "EdDSA", "kid": "key-2026"}, claims(iat=float("nan")))),
         Reason.WRONG_SIGNATURE),
        (callback(signed(claims(exp=NOW - 31))), Reason.STALE),
        (callback(signed(claims(iat=NOW - 3601))), Reason.STALE),
        (callback(signed(claims(iat=NOW + 31))), Reason.FUTURE),
        (callback(signed(claims(nbf=NOW + 31))), Reason.FUTURE),
    ],
)  # fmt: skip
def test_all_else_is_refused(given, reason):
    assert given.reason is reason


@pytest.mark.parametrize(
    "document",
    [b"", b"x", b"[]", b'{"keys":7}', b'{"keys":[7,{}]}', b"[" * 100_000, b"\xff",
     b'{"keys":[{"kty":"RSA","kid":"a","n":"x"}]}',
     b'{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAA"}]}',
     b'{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"%"}]}',
     b'{"keys":[{"kty":"OKP","crv":"X25519","kid":"a","x":"' + b"A" * 43 + b'"}]}'],
)  # fmt: skip
def test_document_without_a_key_of_the_right_kind_is_of_no_use(document):
    assert not is_usable(document)


def test_set_of_keys_is_read_no_further_than_a_hundred():
    key = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}
    listed = [key | {"kid": str(number)} for number in range(5000)]

    assert len(keys_in(json.dumps({"keys": listed}).encode())) == 100


def test_only_the_place_that_a_secret_names_is_asked():
    key = key_of(LANGSMITH, SECRET)

    assert allows(PLACE, [key])
    assert not allows(PLACE + "/", [key])
    assert not allows(PLACE, [])


@pytest.mark.parametrize(
    "text",
    [PLACE, f"http://a.test/jwks.json {WORKSPACE}", f"https://u@a.test/ {WORKSPACE}",
     f"{PLACE}?x=1 {WORKSPACE}", f"{PLACE}  {WORKSPACE}", f"{PLACE} {WORKSPACE}\n", WORKSPACE],
)  # fmt: skip
def test_secret_has_to_be_a_place_and_a_workspace(text):
    with pytest.raises(BadSecret, match="address of the published keys"):
        key_of(LANGSMITH, text)
