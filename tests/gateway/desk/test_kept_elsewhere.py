"""Who else keeps the log is told to its auditors, and what was lost there is sent again."""

import pytest

from audit import published, sequencer
from audit.models import AuditRecord
from gateway.lib.errors import Refused
from gateway.outlets import services
from gateway.outlets.models import Kind, Outlet
from tests.audit.conftest import give_all
from tests.client.verifier import load
from tests.desk import at, signed_in, text
from tests.factories.audit import AuditRecordFactory
from tests.factories.outlets import OutletFactory
from tests.jobs import drain

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]
offline = load()


@pytest.fixture
def auditor(here):
    return signed_in(here.auditor)


def outlet_of(here, **fields):
    return OutletFactory(log=here.environment.tenant.public_id, **fields)


def signed(here, count=3):
    """More records of the tenant, and a checkpoint; the log."""
    log = here.environment.tenant.public_id
    AuditRecordFactory.create_batch(count, scope=here.environment.audit_scope)
    give_all()
    published.announce_key(sequencer._public_key())
    sequencer.sign(log, sequencer.tree.size(log))
    return log


def send(browser, here, row, **form):
    url = at(here.environment, "audit:send_outlet", outlet=row.public_id)
    return browser.post(url, form, follow=True)


def test_each_outlet_tells_how_far_it_is_and_why_not_further(here, auditor):
    signed(here)
    outlet_of(
        here, address="https://keeper.example/in?key=secret", failures=2, reason="answered 500"
    )
    outlet_of(here, address="https://gone.example/", is_open=False)
    page = text(auditor.get(at(here.environment, "audit:outlets")))
    for said in ("https:keeper.example", "Not taken", "answered 500", "2 tries", "No longer sent"):
        assert said in page
    assert "key=secret" not in page


def test_without_any_the_page_says_what_to_set(here, auditor):
    page = text(auditor.get(at(here.environment, "audit:outlets")))
    assert "COUNTERSIGN_AUDIT_CUSTODIANS" in page


def test_what_waits_is_delivered_at_once_when_somebody_asks(here, auditor, tmp_path):
    log = signed(here)
    row = outlet_of(here, kind=Kind.RECORDS, address=f"file:{tmp_path / 'sink'}", failures=9)
    assert "being delivered" in text(send(auditor, here, row))
    drain()
    report = offline.verify(tmp_path / "sink" / log, keys=published.public_keys(), kept=[])
    assert report.found == 0
    assert "Up to date" in text(auditor.get(at(here.environment, "audit:outlets")))
    said = AuditRecord.objects.get(action="outlets.outlet.sent_again")
    assert (said.log, said.actor_id, said.target_id) == (
        log, here.auditor.public_id, row.public_id,
    )  # fmt: skip


def test_what_was_lost_there_is_sent_again_from_its_leaf(here, auditor):
    signed(here)
    row = outlet_of(here, position=3)
    send(auditor, here, row, first="1")
    row.refresh_from_db()
    assert (row.position, row.attempts) == (1, 1)
    assert row.due_at is not None


def test_a_delivery_under_way_does_not_undo_what_was_asked(here, auditor):
    """Its worker read the row before; what it writes afterwards is refused by the attempts."""
    signed(here)
    row = outlet_of(here, position=3)
    claimed = services.work.claim(Outlet.objects.filter(pk=row.pk), row.pk, lease_s=60)
    assert claimed is None  # nothing was due
    Outlet.objects.update(due_at="2020-01-01T00:00Z")
    claimed = services.work.claim(Outlet.objects.all(), row.pk, lease_s=60)
    send(auditor, here, row, first="0")
    assert not services.work.release(claimed, after_s=None, position=9)
    row.refresh_from_db()
    assert row.position == 0


@pytest.mark.parametrize("first", ["4", "-1", "x"])
def test_a_leaf_that_was_never_sent_is_refused(here, auditor, first):
    row = outlet_of(here, position=3)
    page = text(send(auditor, here, row, first=first))
    assert "send from 0 to there" in page or "a number from 0 on" in page
    row.refresh_from_db()
    assert (row.position, row.attempts) == (3, 0)


def test_a_closed_one_takes_nothing(here):
    row = outlet_of(here, is_open=False)
    with pytest.raises(Refused, match="closed"):
        services.send_again(
            row, 0, by=here.auditor.audit_actor, scope=here.environment.tenant.audit_scope
        )


def test_others_neither_see_nor_send(here, auditor):
    theirs = OutletFactory(log=here.elsewhere.tenant.public_id, address="https://theirs.example/")
    deployments = OutletFactory(log="system", address="https://system.example/")
    page = text(auditor.get(at(here.environment, "audit:outlets")))
    assert "theirs.example" not in page
    assert "system.example" not in page
    for row in (theirs, deployments):
        assert send(auditor, here, row).status_code == 404
    mine = outlet_of(here)
    for who, status in (("may", 403), ("stranger", 404)):
        assert send(signed_in(getattr(here, who)), here, mine).status_code == status
