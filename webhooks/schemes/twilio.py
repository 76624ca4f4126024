"""Twilio signs the address with the sorted fields of a form, or with the digest of a JSON body.

Its servers put the default port into the address or leave it out, so both are tried. Which
algorithm counts is the source's business: the header that names one is not read.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from webhooks.schemes.base import Proof, Request, Scheme
from webhooks.schemes.bodies import FORM
from webhooks.schemes.extras import Draft, Signed
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signatures import decode, matching_key
from webhooks.schemes.signer import HASHES

SIGNATURE = "x-twilio-signature"
TOKEN = "i-twilio-idempotency-token"  # noqa: S105 - a header's name, not a secret
BODY_DIGEST = b"bodySHA256"
PORTS = {b"https": b"443", b"http": b"80"}
MAX_FIELDS = 1000


def check(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> Proof:
    """Raises Unverified unless one of the keys signed this address with this body."""
    given = decode(scheme, request.header(SIGNATURE.encode()))
    if given is None:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    address = _address(request)
    fields = _covered(request, address)
    contents = [variant + fields for variant in port_variants(address)]
    refused = Unverified(Reason.WRONG_SIGNATURE)
    for content in contents:
        try:
            index = matching_key(scheme.algorithm, keys, content, [given])
        except Unverified as error:
            refused = error
        else:
            # A retry may carry the other variant: what tells events apart is always the first.
            return Proof(index, contents[0])
    raise refused


def _address(request: Request) -> bytes:
    """The registered address with the query that came, which Twilio has signed as well."""
    base, _, registered = request.url.partition(b"?")
    query = request.query or registered
    return base + b"?" + query if query else base


def port_variants(address: bytes) -> tuple[bytes, bytes]:
    """The address without a port, and with one: its own, or the usual one of its protocol."""
    protocol, _, rest = address.partition(b"://")
    ends = [at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0]
    end = min(ends, default=len(rest))
    authority, path = rest[:end], rest[end:]
    host, colon, port = authority.rpartition(b":")
    if not colon or not port.isdigit():
        host, port = authority, PORTS.get(protocol, b"443")
    start = protocol + b"://"
    return start + host + path, start + host + b":" + port + path


def _covered(request: Request, address: bytes) -> bytes:
    """What is signed behind the address; raises Unverified for a body that nothing covers."""
    if not request.body:
        return b""
    if request.media_type.partition(b";")[0].strip().lower() == FORM:
        return joined_fields(request.body)
    query = address.partition(b"?")[2].split(b"&")
    digests = [value for name, _, value in (pair.partition(b"=") for pair in query)
               if name == BODY_DIGEST]  # fmt: skip
    if len(digests) != 1:
        raise Unverified(Reason.REPEATED if digests else Reason.MISSING)
    digest = hashlib.sha256(request.body).hexdigest().encode()
    if not hmac.compare_digest(digest, digests[0].lower()):
        raise Unverified(Reason.WRONG_SIGNATURE)
    return b""


def joined_fields(body: bytes) -> bytes:
    """Names and values of a form in order, each pair once; raises Unverified for too many."""
    parts = [part for part in body.split(b"&", MAX_FIELDS + 1) if part]
    if len(parts) > MAX_FIELDS:
        raise Unverified(Reason.MALFORMED_BODY)
    pairs = {
        tuple(unquote_to_bytes(text.replace(b"+", b" ")) for text in part.partition(b"=")[::2])
        for part in parts
    }
    return b"".join(name + value for name, value in sorted(pairs))


def sign(scheme: Scheme, key: bytes, draft: Draft) -> Signed:
    """A JSON delivery as Twilio sends it: the body's digest stands in the address."""
    base, _, registered = draft.url.partition(b"?")
    digest = BODY_DIGEST + b"=" + hashlib.sha256(draft.body).hexdigest().encode()
    query = registered + b"&" + digest if registered else digest
    signature = hmac.digest(key, base + b"?" + query, HASHES[scheme.algorithm])
    headers = {SIGNATURE: base64.b64encode(signature).decode("ascii"), TOKEN: draft.event_id}
    return Signed(headers, draft.body, query.decode("latin-1"))
