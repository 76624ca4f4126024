"""Which media types of bodies are taken, before verification and by a scheme."""

from functools import lru_cache

from webhooks.schemes.base import FORM_TYPE, JSON_TYPES, MULTIPART_TYPE

# What any scheme may use: the same for known and unknown addresses.
TAKEN = (*JSON_TYPES, FORM_TYPE, MULTIPART_TYPE, "text/plain")
ANY_JSON = "application/*+json"


@lru_cache(maxsize=1024)
def is_taken(content_type: bytes, types: tuple[str, ...]) -> bool:
    """Whether bodies of this media type are among these."""
    name = content_type.partition(b";")[0].strip().lower().decode("latin-1")
    if name in types:
        return "*" not in name
    is_json = name.startswith("application/") and name.endswith("+json")
    return is_json and ANY_JSON in types
