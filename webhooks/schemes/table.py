"""The catalogue as the README shows it: a Markdown table, a row per scheme, warnings below."""

from collections.abc import Iterable

from gateway.lib.generated import written_between
from webhooks.schemes.base import Algorithm, Fallback, Place, Scheme, Where

BEGIN = "<!-- The table is written by `manage.py scheme_table --write`. -->"
END = "<!-- Here it ends. -->"
HEAD = ("scheme", "provider", "what is verified", "time window", "event id", "proof", "warning")
ALGORITHMS = {
    Algorithm.HMAC_SHA1: "HMAC-SHA1",
    Algorithm.HMAC_SHA256: "HMAC-SHA256",
    Algorithm.HMAC_SHA512: "HMAC-SHA512",
    Algorithm.SHA256: "SHA-256 of the secret and",
    Algorithm.ED25519: "Ed25519",
    Algorithm.ECDSA_P256: "ECDSA P-256",
    Algorithm.RSA_SHA256: "RSA-SHA256",
}
FALLBACKS = {Fallback.DIGEST: "the digest", Fallback.RECEIPT: "none: each is new"}
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def table(schemes: Iterable[Scheme]) -> str:
    """The table and the numbered warnings below it, in the order of the schemes."""
    rows: list[tuple[str, ...]] = [HEAD, ("---",) * len(HEAD)]
    warnings: dict[str, int] = {}
    for scheme in schemes:
        mark = ""
        if scheme.warning:
            mark = f"({warnings.setdefault(scheme.warning, len(warnings) + 1)})"
        rows.append((*_row(scheme), mark))
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([*lines, "", *(f"{number}. {text}" for text, number in warnings.items())])


def written_into(text: str, schemes: Iterable[Scheme]) -> str:
    """The page with the table of now between its marks; raises ValueError where it has none."""
    return written_between(text, BEGIN, END, content=table(schemes))


def _row(scheme: Scheme) -> tuple[str, ...]:
    return (
        f"`{scheme.name}`",
        scheme.title,
        _verified(scheme),
        _window(scheme),
        _event_id(scheme),
        scheme.proof,
    )


def _verified(scheme: Scheme) -> str:
    if scheme.algorithm is Algorithm.TOKEN:
        said = "the secret itself; nothing is signed"
    elif scheme.check is not None and scheme.signed == Scheme.signed:
        # Code knows better than the field that was left as it is.
        said = ALGORITHMS[scheme.algorithm]
    else:
        said = f"{ALGORITHMS[scheme.algorithm]} `{scheme.signed}`"
    return said if scheme.check is None else f"by code of its own: {said}"


def _window(scheme: Scheme) -> str:
    if not scheme.signs_time:
        return "no time signed"
    past, future = _span(scheme.past_tolerance_s), _span(scheme.future_tolerance_s)
    return past if past == future else f"{past}, {future} ahead"


def _span(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"


def _event_id(scheme: Scheme) -> str:
    """Where the id is, in order of preference; in a body with several events, an item's."""
    if scheme.split is not None:
        return "per item: " + (" + ".join(f"`{name}`" for name in scheme.split.id) or "its bytes")
    found = [" + ".join(map(_place, map(Place.parse, text.split(" ")))) for text in scheme.ids]
    if scheme.id_fallback in FALLBACKS:
        found.append(FALLBACKS[scheme.id_fallback])
    return ", else ".join(found)


def _place(place: Place) -> str:
    return f"the body's `{place.name}`" if place.where is Where.BODY else f"`{place.name}`"
