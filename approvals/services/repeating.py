"""Equal calls: one made again after a refusal is refused, one made again and again stops its run.

Equal is what has the same tool and the same bytes of arguments: within the run, or without one
within a day of the same agent (of people, who share an agent, the same person). What a source
proposes is no repetition: each event is a new occasion.
"""

import json
import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from approvals import loops
from approvals.findings import Ruling
from approvals.loops import EqualCall
from approvals.models import Action
from approvals.services.wishes import Wish
from approvals.states import SETTLED
from gateway.agents import caps
from gateway.lib import ids

WITHIN = timedelta(hours=24)
LOOKED_AT = 50
_COLUMNS = ("pk", "call_scope", "call_id", "status", "code", "reason", "approved_at", "settled_at")


def look_back(wish: Wish, scope: str, call: str) -> bool:
    """Read the equal calls into the wish, in one query; whether this very call was made before."""
    same, this = _equal(wish), Q(call_scope=scope, call_id=call)
    rows = Action.objects.filter(this | same if same else this).order_by("-id")
    found = list(rows.values(*_COLUMNS)[:LOOKED_AT])
    if any((row["call_scope"], row["call_id"]) == (scope, call) for row in found):
        return True
    wish.equal = [_equal_call(row) for row in found]
    return False


def check(wish: Wish) -> None:
    """Say what follows from the equal calls: nothing, a refusal, or that a person has to look."""
    if not wish.is_sound or not wish.equal:
        return
    if (refused := loops.refusal(wish.equal)) is not None:
        wish.findings.append(loops.refused_again(refused))
        wish.repeats_id = _key(refused)
    elif wish.run is not None:
        _check_loop(wish)


def _check_loop(wish: Wish) -> None:
    limit = caps.smallest("max_equal_calls", wish.agent.caps) or loops.DEFAULT_EQUAL_CALLS
    if len(wish.equal) >= min(limit, LOOKED_AT):
        wish.equal = _with_outcomes(wish.equal)
    found = loops.loop(wish.equal, limit=min(limit, LOOKED_AT))
    if found is None:
        return
    if found.verdict is Ruling.REQUIRE_APPROVAL:
        wish.cautions.append(found)
        return
    wish.findings.append(found)
    card = loops.open_card(wish.equal)
    wish.repeats_id = _key(card) if card else None


def _equal(wish: Wish) -> Q | None:
    asked = Q(proposed_sha256=wish.sha256) | Q(proposed_sha256="", arguments_sha256=wish.sha256)
    asked &= Q(tool_name=wish.tool_name)
    if wish.run is not None:
        return asked & Q(run_id=wish.run.id)
    if wish.requester.kind == "source":
        return None
    recent = Q(agent=wish.agent, run_id=None, created_at__gte=timezone.now() - WITHIN)
    if wish.requester.kind == "person":
        recent &= Q(requester_kind="person", requester_id=wish.requester.id)
    return asked & recent


def _equal_call(row: dict[str, Any], outcome: str | None = None) -> EqualCall:
    return EqualCall(
        id=ids.encode(Action.PREFIX, row["pk"]), status=row["status"], code=row["code"],
        reason=row["reason"], approved_at=row["approved_at"], settled_at=row["settled_at"],
        outcome=outcome,
    )  # fmt: skip


def _with_outcomes(calls: list[EqualCall]) -> list[EqualCall]:
    """The same calls with what they brought; read only where a loop is possible."""
    rows = Action.objects.filter(pk__in=[_key(call) for call in calls]).order_by("-id")
    return [_equal_call(row, _outcome(row)) for row in rows.values(*_COLUMNS, "result")]


def _outcome(row: dict[str, Any]) -> str | None:
    if row["status"] not in SETTLED:
        return None
    return f"{row['status']} {json.dumps(row['result'], sort_keys=True)}"


def _key(call: EqualCall) -> uuid.UUID:
    return ids.decode(Action.PREFIX, call.id)
