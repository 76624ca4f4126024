"""Microsoft Graph shows a secret of ours, the clientState, in every notification of a batch."""

import json
from collections.abc import Sequence

from webhooks.schemes.base import Algorithm, Proof, Request, Scheme
from webhooks.schemes.bodies import read_json
from webhooks.schemes.extras import CannotSign, Draft, Signed
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signatures import matching_key

STATE = "clientState"
ITEMS = "value"
TOKENS = "validationTokens"
# Subscriptions that share an address; more different secrets in one batch are an attempt to guess.
MAX_STATES = 20


def check(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> Proof:
    """Raises Unverified unless every notification of the batch shows one of the secrets."""
    body = read_json(request.body)
    items = body.get(ITEMS) if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise Unverified(Reason.MALFORMED_BODY)
    if body.get(TOKENS):
        # With resource data: encrypted for a key that we do not have, vouched for by tokens that
        # name an application which no setting tells us.
        raise Unverified(Reason.UNSUPPORTED)
    states = [item.get(STATE) if isinstance(item, dict) else None for item in items]
    given = {state.encode("utf-8", "surrogatepass") for state in states if isinstance(state, str)}
    if b"" in given or not all(isinstance(state, str) for state in states):
        raise Unverified(Reason.MISSING)
    if len(given) > MAX_STATES:
        raise Unverified(Reason.TOO_MANY_SIGNATURES)
    found = [matching_key(Algorithm.TOKEN, keys, b"", [state]) for state in sorted(given)]
    return Proof(found[0], request.body)


def sign(scheme: Scheme, key: bytes, draft: Draft) -> Signed:
    """The batch with the secret in each notification; a lone object becomes a batch of one.

    Raises CannotSign for a body that is neither.
    """
    body = read_json(draft.body)
    if not isinstance(body, dict):
        raise CannotSign(f"A delivery of {scheme.title} is a JSON object.")
    items = body.get(ITEMS, [body])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise CannotSign(f"A delivery of {scheme.title} has a list of objects in {ITEMS}.")
    signed = [{"id": f"{draft.event_id}-{number}"} | item | {STATE: key.decode()}
              for number, item in enumerate(items)]  # fmt: skip
    return Signed({}, json.dumps({ITEMS: signed}, ensure_ascii=False).encode())
