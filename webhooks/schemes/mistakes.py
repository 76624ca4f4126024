"""What most likely went wrong with a delivery: every guess is tried on the verifier itself. Pure.

A guess changes one thing (the body, a secret's reading, the address, the form of the signature) and
asks the verifier again. One that fits is proven; where none does, what is missing or odd is told.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from webhooks.schemes import verifier
from webhooks.schemes.base import Algorithm, Part, Request, Scheme
from webhooks.schemes.clocks import clock_mistakes
from webhooks.schemes.guesses import (
    Guess,
    by_address,
    by_body,
    by_form,
    by_header,
    by_reading,
    by_scheme,
    look_alikes,
)
from webhooks.schemes.reasons import Reason, Unverified

MAX_GUESSES = 2000
MAX_PROVEN = 3
CLOCK = {Reason.STALE, Reason.FUTURE, Reason.MALFORMED_TIMESTAMP}
NOT_ABOUT_SIGNATURES = CLOCK | {Reason.MALFORMED_ID, Reason.MALFORMED_BODY, Reason.NO_DOCUMENT}


@dataclass(frozen=True)
class Held:
    """A secret to try: its name for people, its text and key; `note` says why it is no live one."""

    name: str
    text: str = field(repr=False)
    key: bytes = field(repr=False)
    note: str = ""


@dataclass(frozen=True)
class Mistake:
    """What went wrong and what to do; proven where the signature fits once it is mended."""

    title: str
    advice: str
    is_proven: bool = False


def likeliest(
    scheme: Scheme,
    request: Request,
    live: Sequence[Held],
    *,
    others: Sequence[Held],
    urls: Sequence[bytes],
    reason: Reason | None,
) -> tuple[Mistake, ...]:
    """The mistakes that explain the refusal, the likeliest first; none where it was not refused."""
    if reason is None:
        return ()
    if reason in NOT_ABOUT_SIGNATURES:
        return tuple(clock_mistakes(scheme, request, reason, make=_told))
    proven = list(islice(_proven(scheme, request, live, others=others, urls=urls), MAX_PROVEN))
    return tuple(proven) or tuple(_unproven(scheme, request, live, reason))


def _told(title: str, advice: str) -> Mistake:
    return Mistake(title, advice)


def _proven(
    scheme: Scheme,
    request: Request,
    live: Sequence[Held],
    *,
    others: Sequence[Held],
    urls: Sequence[bytes],
) -> Iterator[Mistake]:
    for held in others:
        if _fits(scheme, request, [held.key]):
            title = f"It was signed with the secret {held.name}, which does not count here"
            yield Mistake(title, _about_secret(held), is_proven=True)
    texts, keys = [held.text for held in live], [held.key for held in live]
    guesses: Iterable[Guess] = chain(
        by_reading(scheme, request, texts),
        by_header(scheme, request, keys),
        by_body(scheme, request, keys),
        by_address(scheme, request, keys, urls=urls),
        by_scheme(scheme, request, texts),
        by_form(scheme, request, keys),
        by_form(scheme, request, [held.key for held in others]),
    )
    seen: set[str] = set()
    for guess in islice(guesses, MAX_GUESSES):
        if guess.title not in seen and _fits(guess.scheme, guess.request, guess.keys):
            seen.add(guess.title)
            yield Mistake(guess.title, guess.advice, is_proven=True)


def _about_secret(held: Held) -> str:
    return (
        f"{held.note} If it is right that the provider still signs with it, add it to this source "
        "(with an end, if it is being replaced); else set the newer one at the provider."
    )


def _fits(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> bool:
    """Whether the verifier finds a key; the window and ids are another matter."""
    if not keys:
        return False
    try:
        found = verifier.pick(scheme.wire, request.headers)
        verifier.prove(scheme, request, keys, found)
    except Unverified:
        return False
    return True


def _unproven(
    scheme: Scheme, request: Request, live: Sequence[Held], reason: Reason
) -> Iterator[Mistake]:
    names = ", ".join(name.decode("latin-1") for name in scheme.wire.signature_headers)
    if reason is Reason.NO_SECRET or not live:
        advice = "Paste the secret that the provider shows for this endpoint into the source."
        yield Mistake("No secret counts at this time", advice)
    elif reason is Reason.MISSING:
        if similar := look_alikes(scheme, request):
            title = f"The headers look like {similar[0].title}, not like {scheme.title}"
            yield Mistake(title, f"Send it to a source of the scheme {similar[0].name}.")
        advice = (
            f"{scheme.title} sends {names}. A proxy may have taken it away, only part of the "
            "headers was pasted, or this sender signs otherwise: compare the source's scheme."
        )
        yield Mistake("A header that the scheme needs did not come", advice)
    elif reason is Reason.REPEATED:
        advice = "Something between the provider and here adds the header again: look there."
        yield Mistake("A header came twice", advice)
    elif reason in {Reason.MALFORMED_SIGNATURE, Reason.TOO_MANY_SIGNATURES}:
        advice = f"Compare {names} with what {scheme.title} documents, and the source's scheme."
        yield Mistake("The signature has another form than this scheme's", advice)
    elif reason is Reason.WRONG_SIGNATURE:
        yield Mistake(*_nothing_fits(scheme))


def _nothing_fits(scheme: Scheme) -> tuple[str, str]:
    if scheme.algorithm is Algorithm.TOKEN:
        return (
            "Another token came",
            "Set the source's secret at the provider again, without blanks around it.",
        )
    needs = " and the address that it was given" if Part.URL in scheme.wire.pieces else ""
    return (
        "None of the usual mistakes explains it: most likely it is another secret",
        f"Copy the secret of exactly this endpoint from {scheme.title} again (test and live mode "
        f"have different ones){needs}; and compare the bytes below with what the provider sent: "
        "one changed byte is enough.",
    )
