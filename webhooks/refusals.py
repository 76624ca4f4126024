"""What each reason of a refusal means, and what to do about it. Pure data for pages and exports."""

from typing import NamedTuple

from webhooks.schemes.base import Reason


class Meaning(NamedTuple):
    """One reason in words for an operator."""

    text: str
    todo: str


UNKNOWN = Meaning("No description yet.", "See the log at the time of the last one.")
DEBUG = "Debug a request of that time."
MEANINGS: dict[str, Meaning] = {
    Reason.UNKNOWN_SOURCE: Meaning(
        "Somebody sent to an address that no source has.",
        "An old or mistyped address at a provider, or somebody trying: nothing is open.",
    ),
    Reason.DISABLED: Meaning(
        "The source is off or archived.",
        "Switch it on, or remove its address at the provider.",
    ),
    Reason.ADDRESS: Meaning(
        "The sender's network address is not on the source's list.",
        "Compare the list with what the provider publishes, and the number of trusted proxies.",
    ),
    Reason.NO_SECRET: Meaning(
        "No secret of the source counted at that time.",
        "Add one: all may have ended, or one only begins later.",
    ),
    Reason.MISSING: Meaning(
        "A header or field that the scheme needs did not come.",
        "A proxy may take headers away, or it is another provider's delivery. " + DEBUG,
    ),
    Reason.REPEATED: Meaning(
        "A header that may be there once came twice.",
        "Something on the way adds it again: look at the proxy.",
    ),
    Reason.MALFORMED_SIGNATURE: Meaning(
        "What stands where the signature belongs is no signature of this scheme.",
        "Compare the source's scheme with the provider. " + DEBUG,
    ),
    Reason.TOO_MANY_SIGNATURES: Meaning(
        "More signatures came than any provider sends.",
        "Hardly the provider: somebody tries. Nothing to do.",
    ),
    Reason.WRONG_SIGNATURE: Meaning(
        "No signature fits under any secret that counts.",
        "Mostly another secret, or a body changed on the way. " + DEBUG,
    ),
    Reason.MALFORMED_TIMESTAMP: Meaning(
        "The time of sending cannot be read.",
        "Seconds and milliseconds are easily mixed up. " + DEBUG,
    ),
    Reason.STALE: Meaning(
        "It was sent longer ago than the source allows.",
        "Queues, clocks or old deliveries sent again. If it is the queue, allow more time.",
    ),
    Reason.FUTURE: Meaning(
        "It was sent in the future, by this server's clock.",
        "One of the two clocks is wrong: synchronise them.",
    ),
    Reason.MALFORMED_ID: Meaning(
        "The event id holds characters that could hide another message.",
        "Hardly the provider: somebody tries. " + DEBUG,
    ),
    Reason.MALFORMED_BODY: Meaning(
        "The body is not what the scheme sends.",
        "Compare the source's scheme with the provider. " + DEBUG,
    ),
    Reason.UNSUPPORTED: Meaning(
        "It is of a kind of its provider's that cannot be verified here.",
        "The scheme's note says which; set the provider to the other kind.",
    ),
    Reason.NO_DOCUMENT: Meaning(
        "A key or certificate had to be fetched first; the sender was asked to try again.",
        "Normal once. If it goes on, the server cannot reach the provider.",
    ),
    Reason.TOO_LARGE: Meaning(
        "The body is larger than allowed.",
        "Raise the source's limit, or COUNTERSIGN_MAX_BODY_BYTES for all.",
    ),
    Reason.TOO_MANY_HEADERS: Meaning(
        "More headers came than any provider sends.",
        "Hardly the provider: somebody tries. Nothing to do.",
    ),
    Reason.MEDIA_TYPE: Meaning(
        "The body's media type or encoding is not taken.",
        "Set the provider to JSON without compression.",
    ),
    Reason.TOO_FAST: Meaning(
        "More came in a second than the source takes; the sender was asked to wait.",
        "Raise the source's rate if this is its normal pace.",
    ),
    Reason.OVERLOADED: Meaning(
        "The intake was full; the sender was asked to come again.",
        "Look at the server's load; add intake processes.",
    ),
    Reason.STORAGE: Meaning(
        "The database could not commit; the sender was asked to come again.",
        "Look at the database: space, connections, locks.",
    ),
}


def meaning_of(reason: str) -> Meaning:
    """What it means; of a reason that is new, that nobody described it yet."""
    return MEANINGS.get(reason, UNKNOWN)
