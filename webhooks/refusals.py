"""What each reason of a refusal means, and what to do about it. Pure data for pages and exports."""

from typing import NamedTuple

from gateway.lib.tongue import gettext_noop
from webhooks.schemes.reasons import Reason


class Meaning(NamedTuple):
    """One reason in words for an operator."""

    text: str
    todo: str


UNKNOWN = Meaning(
    gettext_noop("No description yet."), gettext_noop("See the log at the time of the last one.")
)
MEANINGS: dict[str, Meaning] = {
    Reason.UNKNOWN_SOURCE: Meaning(
        gettext_noop("Somebody sent to an address that no source has."),
        gettext_noop(
            "An old or mistyped address at a provider, or somebody trying: nothing is open."
        ),
    ),
    Reason.DISABLED: Meaning(
        gettext_noop("The source is off or archived."),
        gettext_noop("Switch it on, or remove its address at the provider."),
    ),
    Reason.ADDRESS: Meaning(
        gettext_noop("The sender's network address is not on the source's list."),
        gettext_noop(
            "Compare the list with what the provider publishes, and the number of trusted proxies."
        ),
    ),
    Reason.NO_SECRET: Meaning(
        gettext_noop("No secret of the source counted at that time."),
        gettext_noop("Add one: all may have ended, or one only begins later."),
    ),
    Reason.MISSING: Meaning(
        gettext_noop("A header or field that the scheme needs did not come."),
        gettext_noop(
            "A proxy may take headers away, or it is another provider's delivery. Debug a "
            "request of that time."
        ),
    ),
    Reason.REPEATED: Meaning(
        gettext_noop("A header that may be there once came twice."),
        gettext_noop("Something on the way adds it again: look at the proxy."),
    ),
    Reason.MALFORMED_SIGNATURE: Meaning(
        gettext_noop("What stands where the signature belongs is no signature of this scheme."),
        gettext_noop(
            "Compare the source's scheme with the provider. Debug a request of that time."
        ),
    ),
    Reason.TOO_MANY_SIGNATURES: Meaning(
        gettext_noop("More signatures came than any provider sends."),
        gettext_noop("Hardly the provider: somebody tries. Nothing to do."),
    ),
    Reason.WRONG_SIGNATURE: Meaning(
        gettext_noop("No signature fits under any secret that counts."),
        gettext_noop(
            "Mostly another secret, or a body changed on the way. Debug a request of that time."
        ),
    ),
    Reason.MALFORMED_TIMESTAMP: Meaning(
        gettext_noop("The time of sending cannot be read."),
        gettext_noop("Seconds and milliseconds are easily mixed up. Debug a request of that time."),
    ),
    Reason.STALE: Meaning(
        gettext_noop("It was sent longer ago than the source allows."),
        gettext_noop(
            "Queues, clocks or old deliveries sent again. If it is the queue, allow more time."
        ),
    ),
    Reason.FUTURE: Meaning(
        gettext_noop("It was sent in the future, by this server's clock."),
        gettext_noop("One of the two clocks is wrong: synchronise them."),
    ),
    Reason.MALFORMED_ID: Meaning(
        gettext_noop("The event id holds characters that could hide another message."),
        gettext_noop("Hardly the provider: somebody tries. Debug a request of that time."),
    ),
    Reason.MALFORMED_BODY: Meaning(
        gettext_noop("The body is not what the scheme sends."),
        gettext_noop(
            "Compare the source's scheme with the provider. Debug a request of that time."
        ),
    ),
    Reason.UNSUPPORTED: Meaning(
        gettext_noop("It is of a kind of its provider's that cannot be verified here."),
        gettext_noop("The scheme's note says which; set the provider to the other kind."),
    ),
    Reason.NO_DOCUMENT: Meaning(
        gettext_noop(
            "A key or certificate had to be fetched first; the sender was asked to try again."
        ),
        gettext_noop("Normal once. If it goes on, the server cannot reach the provider."),
    ),
    Reason.TOO_LARGE: Meaning(
        gettext_noop("The body is larger than allowed."),
        gettext_noop("Raise the source's limit, or COUNTERSIGN_MAX_BODY_BYTES for all."),
    ),
    Reason.TOO_MANY_HEADERS: Meaning(
        gettext_noop("More headers came than any provider sends."),
        gettext_noop("Hardly the provider: somebody tries. Nothing to do."),
    ),
    Reason.MEDIA_TYPE: Meaning(
        gettext_noop("The body's media type or encoding is not taken."),
        gettext_noop("Set the provider to JSON without compression."),
    ),
    Reason.TOO_FAST: Meaning(
        gettext_noop("More came in a second than the source takes; the sender was asked to wait."),
        gettext_noop("Raise the source's rate if this is its normal pace."),
    ),
    Reason.OVERLOADED: Meaning(
        gettext_noop("The intake was full; the sender was asked to come again."),
        gettext_noop("Look at the server's load; add intake processes."),
    ),
    Reason.STORAGE: Meaning(
        gettext_noop("The database could not commit; the sender was asked to come again."),
        gettext_noop("Look at the database: space, connections, locks."),
    ),
}


def meaning_of(reason: str) -> Meaning:
    """What it means; of a reason that is new, that nobody described it yet."""
    return MEANINGS.get(reason, UNKNOWN)
