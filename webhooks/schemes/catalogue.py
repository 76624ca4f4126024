"""Every scheme there is, by name. A new one is an entry here, a test and a recorded payload."""

from webhooks.schemes.base import Encoding, Part, Place, Scheme, Where

STANDARD = Scheme(
    name="standard",
    title="Standard Webhooks",
    signature_header="webhook-signature",
    signature_prefix="v1,",
    signature_encoding=Encoding.BASE64,
    item_separator=" ",
    signed=(Part.ID, b".", Part.TIMESTAMP, b".", Part.BODY),
    secret_encoding=Encoding.BASE64,
    secret_prefix="whsec_",  # noqa: S106 - how such secrets begin, not one of them
    secret_min_bytes=24,
    secret_max_bytes=64,
    timestamp_header="webhook-timestamp",
    id_header="webhook-id",
    types=(Place(Where.BODY, "type"), Place(Where.BODY, "event")),
)

GITHUB = Scheme(
    name="github",
    title="GitHub",
    signature_header="x-hub-signature-256",
    signature_prefix="sha256=",
    signature_encoding=Encoding.HEX,
    signed=(Part.BODY,),
    secret_encoding=Encoding.UTF8,
    id_header="x-github-delivery",
    types=(Place(Where.HEADER, "x-github-event"),),
)

GENERIC_SHA256 = Scheme(
    name="generic_sha256",
    title="Generic HMAC-SHA256",
    signature_header="x-signature-sha256",
    signature_prefix="sha256=",
    is_prefix_optional=True,
    signature_encoding=Encoding.HEX,
    signed=(Part.BODY,),
    secret_encoding=Encoding.UTF8,
    secret_min_bytes=16,
    id_header="x-event-id",
    is_id_optional=True,
    types=(
        Place(Where.HEADER, "x-event-type"),
        Place(Where.BODY, "type"),
        Place(Where.BODY, "event"),
    ),
)

SCHEMES = {scheme.name: scheme for scheme in (STANDARD, GITHUB, GENERIC_SHA256)}
CHOICES = [(scheme.name, scheme.title) for scheme in SCHEMES.values()]
