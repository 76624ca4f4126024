"""Signs a body as a provider of the scheme would: for test events and examples."""

import base64
import hmac

from webhooks.schemes.base import Encoding, Part, Scheme, Where


def sign(
    scheme: Scheme, key: bytes, body: bytes, *, event_id: str, sent_at: int, event_type: str = ""
) -> dict[str, str]:
    """The headers of a genuine delivery of this body."""
    values = {Part.BODY: body, Part.ID: event_id.encode(), Part.TIMESTAMP: b"%d" % sent_at}
    content = b"".join(
        piece if isinstance(piece, bytes) else values[piece] for piece in scheme.signed
    )
    signature = hmac.digest(key, content, "sha256")
    encoded = (
        signature.hex()
        if scheme.signature_encoding is Encoding.HEX
        else base64.b64encode(signature).decode("ascii")
    )
    headers = {scheme.signature_header: scheme.signature_prefix + encoded}
    headers[scheme.id_header] = event_id
    if scheme.timestamp_header:
        headers[scheme.timestamp_header] = str(sent_at)
    for place in scheme.types:
        if place.where is Where.HEADER and event_type:
            headers[place.name] = event_type
    return headers
