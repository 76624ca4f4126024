"""T10: 100 of 1,000 people are erased: no trace in dump, exports and logs; proofs and 900 stay."""

import hashlib
import json

import pytest
from django.utils import timezone

from approvals.models import Action
from approvals.states import ActionStatus
from audit import sequencer, services, verification
from audit.actions import AuditAction
from audit.context import Target
from audit.models import AuditRecord
from gateway.retention import erasing, exporting
from gateway.tenants.models import SubjectKey
from gateway.tenants.principals import system
from gateway.tenants.services import subjects
from tests import people
from tests.factories.approvals import ActionFactory
from tests.factories.tenants import SubjectKeyFactory
from tests.factories.webhooks import EventFactory, SourceFactory
from tests.gateway.retention.dump import dumped
from webhooks.models import Event
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
PEOPLE, ERASED = 1_000, 100
CONTENT = "iban"


def address(n: int) -> str:
    return f"person.{n}@people.example"


def secret(n: int) -> str:
    """What only this person's rows hold."""
    return f"{CONTENT}-{hashlib.sha256(b'%d' % n).hexdigest()[:16]}"


def settle_everybody(here):
    """Each person in one event, one action and one record of the log."""
    tenant, source = here.environment.tenant, SourceFactory(environment=here.environment)
    pattern = ActionFactory(environment=here.environment)
    now = timezone.now()
    Event.objects.bulk_create(
        EventFactory.build(
            source=source, environment=here.environment, status=EventStatus.PROCESSED, due_at=None,
            received_at=now, event_id=f"evt-{n}",
            body=json.dumps({"mail": address(n), CONTENT: secret(n)}).encode(),
        )
        for n in range(PEOPLE)
    )  # fmt: skip
    Action.objects.bulk_create(
        Action(
            environment=here.environment, status=ActionStatus.SUCCEEDED, settled_at=now,
            agent=pattern.agent, call_id=f"c{n}", call_scope="test", requester_kind="agent",
            requester_id="agt_1", requester_label="agent", tool_name=pattern.tool_name,
            tool_version=pattern.tool_version, correlation_id=f"cor_{n}",
            arguments=json.dumps({"to": address(n), CONTENT: secret(n)}),
            arguments_sha256="0" * 64, target=[f"customer:{address(n)}"],
        )
        for n in range(PEOPLE)
    )  # fmt: skip
    SubjectKey.objects.bulk_create(
        SubjectKeyFactory.build(tenant=tenant, subject=address(n)) for n in range(PEOPLE)
    )
    services.append(
        *(
            services.draft(
                AuditAction.INVITATION_CREATED, target=Target("invitation", f"inv_{n}"),
                scope=tenant.audit_scope,
                sealed=subjects.sealer(tenant, address(n), email=address(n), iban=secret(n)),
            )
            for n in range(PEOPLE)
        )
    )  # fmt: skip
    sequencer.sequence()


def test_t10_a_hundred_of_a_thousand_are_erased(here, caplog, capsys):
    settle_everybody(here)
    tenant, by = here.environment.tenant, system(here.environment)
    gone = range(0, PEOPLE, PEOPLE // ERASED)
    kept = [n for n in range(PEOPLE) if n not in gone]
    before = dumped()
    assert all(secret(n) in before and address(n) in before for n in range(PEOPLE))

    told = erasing.erase(tenant, [address(n) for n in gone], by=by)
    assert len(told.keys) == ERASED
    assert told.rows == {"webhooks.Event": ERASED, "approvals.Action": ERASED}
    exported = json.dumps(exporting.export(tenant, [address(n) for n in gone], by=by)["rows"])

    log = "\n".join(AuditRecord.objects.values_list("body", flat=True))
    said = "\n".join([*caplog.messages, *capsys.readouterr()])
    everything = "\n".join([dumped(), exported, log, said])
    found = [n for n in gone if secret(n) in everything or f'{address(n)}"' in everything]
    assert found == []
    assert not any(report.found for report in verification.verify(public_keys=["00" * 32]))

    records = AuditRecord.objects.filter(action=AuditAction.INVITATION_CREATED).order_by("id")
    revealed = [[one.value for one in subjects.reveal(row)] for row in records]
    assert [n for n, values in enumerate(revealed) if values == [address(n), secret(n)]] == kept
    assert Event.objects.exclude(body=None).count() == len(kept)
    assert Action.objects.filter(arguments__contains=CONTENT).count() == len(kept)


def test_an_erasure_that_forgets_the_rows_would_be_found(here, caplog, capsys, monkeypatch):
    """The planted fault: keys go, bodies and arguments stay."""
    monkeypatch.setitem(globals(), "PEOPLE", 40)
    monkeypatch.setitem(globals(), "ERASED", 4)
    monkeypatch.setattr(erasing.registry, "empty", lambda *_, **__: None)
    with pytest.raises(AssertionError, match=r"\[0, 10, 20, 30\] == \[\]"):
        test_t10_a_hundred_of_a_thousand_are_erased(here, caplog, capsys)


@pytest.fixture
def here():
    return people.ready()
