"""What people think of a run's outcome: one voice each, which may change its mind."""

from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.lib.unit_of_work import unit_of_work
from gateway.runs.models import Feedback, Run
from gateway.runs.services.timeline import locked
from gateway.tenants.principals import Principal

RATE = "runs.rate_run"
MAX_NOTE = 2000


def rate(*, run: Run, by: Principal, is_helpful: bool, note: str = "") -> Feedback:
    """Keep what a member thinks of a run that ended, in the place of what they said before.

    Raises Denied, Refused for too long a note, or StaleState while the run is open.
    """
    words = note.strip()
    with unit_of_work(
        attempt=AuditAction.RUN_REFUSED,
        target=Target("run", run.public_id),
        scope=run.environment.audit_scope,
        correlation_id=run.correlation_id,
    ):
        held = locked(run.pk)
        if by.user is None or not by.is_member or not by.has(RATE):
            raise Denied("not_permitted", "Your roles here do not let you rate a run.")
        if not held.is_final:
            raise StaleState("The run has not ended: its outcome can be rated once it has.")
        if len(words) > MAX_NOTE:
            raise Refused("note_too_long", f"A note has at most {MAX_NOTE} characters.")
        return _kept(held, by, is_helpful=is_helpful, note=words)


def _kept(run: Run, by: Principal, *, is_helpful: bool, note: str) -> Feedback:
    before = Feedback.objects.filter(run=run, user=by.user).first()
    said, _ = Feedback.objects.update_or_create(
        run=run,
        user=by.user,
        defaults={"is_helpful": is_helpful, "note": note, "said_at": timezone.now()},
    )
    audit.record(
        AuditAction.RUN_RATED,
        target=Target("run", run.public_id),
        scope=run.environment.audit_scope,
        actor=by.actor,
        changes={"is_helpful": [before.is_helpful if before else None, is_helpful]},
        meta={"has_note": bool(note)},
    )
    return said
