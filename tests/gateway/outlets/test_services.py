"""What is delivered arrives at least once and in order, whatever the other side does."""

import io
from dataclasses import dataclass, field

import pytest
from django.core import mail
from django.core.management import call_command
from django.db.models.functions import Now

from audit import checkpoints, published, sequencer
from audit.context import Scope
from audit.models import AuditRecord
from gateway.lib.broker import JobName
from gateway.outlets import services
from gateway.outlets.models import Outlet
from tests.audit.conftest import give_all
from tests.client.verifier import load
from tests.doubles.serving import Asked, Said, Service, serving
from tests.factories.audit import AuditRecordFactory

pytestmark = pytest.mark.django_db
LOG = "ten_acme"
offline = load()


@dataclass
class Custodian(Service):
    """Keeps the body of every POST."""

    effects: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Said:
        self.effects.append(asked)
        return Said()


@pytest.fixture(autouse=True)
def _published_in(settings, tmp_path):
    settings.AUDIT_DIR = tmp_path / "audit"
    settings.AUDIT_CUSTODIANS, settings.AUDIT_EXPORT_TO = [], []


@pytest.fixture
def other(settings):
    with serving(Custodian()) as running:
        settings.OUTBOUND_ALLOW = [running.host_port]
        yield running


def grow(count):
    """More leaves and a checkpoint of them; its size."""
    AuditRecordFactory.create_batch(count, scope=Scope(LOG))
    give_all()
    published.announce_key(sequencer._public_key())
    return sequencer.sign(LOG, sequencer.tree.size(LOG)).size


def deliver():
    """Everything that is due now, and all that its delivery makes due."""
    Outlet.objects.update(due_at=Now(), lease_until=None)
    return services.deliver_due()


def test_every_checkpoint_reaches_the_custodian_in_order(other, settings):
    settings.AUDIT_CUSTODIANS = [f"{other.url}/keep"]
    settings.AUDIT_OUTLET_TOKEN = "token"
    expected = [grow(3), grow(2)]
    services.sweep()
    deliver()
    expected.append(grow(4))
    deliver()
    got = [
        checkpoints.verify(note, published.public_keys()).size
        for asked in other.effects
        if asked.headers["countersign-log"] == LOG
        for note in _notes(asked.body)
    ]
    assert got == expected
    assert {asked.headers["authorization"] for asked in other.effects} == {"Bearer token"}


def _notes(body):
    notes = []
    for line in body.decode().splitlines(keepends=True):
        if line.startswith("countersign/"):
            notes.append("")
        notes[-1] += line
    return [note.removesuffix("\n") for note in notes]


def test_what_is_not_taken_is_tried_again_and_what_follows_waits(other, settings):
    settings.AUDIT_EXPORT_TO = [f"{other.url}/sink"]
    grow(3)
    services.sweep()
    other.before = [Said(503)]
    other.after = [None]
    for _ in range(4):
        deliver()
    bodies = [asked.body for asked in other.effects]
    assert bodies[0] == bodies[1]  # its answer was lost, so it came twice
    lines = b"".join(bodies[1:]).splitlines()
    assert [offline.json.loads(line)["leaf_index"] for line in lines] == [0, 1, 2]
    row = Outlet.objects.get(log=LOG)
    assert (row.position, row.failures, row.reason) == (3, 0, "")


def test_an_outlet_that_is_behind_is_shown(other, settings):
    settings.AUDIT_CUSTODIANS = [f"{other.url}/keep?key=hidden"]
    grow(3)
    services.sweep()
    other.before = [Said(500)] * 5
    deliver()
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out)
    assert "3 leaves behind, 1 tries failed: answered 500" in out.getvalue()
    assert "hidden" not in out.getvalue()


def test_a_folder_grows_into_an_export_that_verifies_offline(settings, tmp_path):
    settings.AUDIT_EXPORT_TO = [f"file:{tmp_path / 'sink'}"]
    grow(5)
    services.sweep()
    deliver()
    grow(4)
    deliver()
    report = offline.verify(tmp_path / "sink" / LOG, keys=published.public_keys(), kept=[])
    assert (report.found, report.leaves, report.checkpoints) == (0, 9, 2)


@pytest.mark.parametrize("cut", [0, 1, 300])
def test_a_crash_between_file_and_cursor_leaves_no_line_twice(settings, tmp_path, cut):
    settings.AUDIT_EXPORT_TO = [f"file:{tmp_path / 'sink'}"]
    grow(5)
    services.sweep()
    deliver()
    path = tmp_path / "sink" / LOG / "records.jsonl"
    path.write_bytes(path.read_bytes()[: path.stat().st_size - cut])
    Outlet.objects.update(position=0)
    grow(2)
    deliver()
    report = offline.verify(tmp_path / "sink" / LOG, keys=published.public_keys(), kept=[])
    assert (report.found, report.leaves) == (0, 7)


def test_a_mail_box_gets_the_newest_head_of_the_deployments_log(settings):
    settings.AUDIT_CUSTODIANS = ["mailto:auditor@example.com"]
    grow(2)
    give_all()
    sequencer.sign("system", sequencer.tree.size("system"))
    services.sweep()
    deliver()
    (message,) = mail.outbox
    assert message.to == ["auditor@example.com"]
    assert message.body.startswith("countersign/system\n")
    deliver()
    assert len(mail.outbox) == 1


def test_outlets_are_opened_and_closed_as_the_settings_say_and_both_are_recorded(settings, settle):
    settings.AUDIT_CUSTODIANS = ["https://custodian.example/keep"]
    grow(1)
    services.sweep()
    services.sweep()
    assert JobName.DELIVER_OUTLETS in {message.actor_name for message in settle()}
    settings.AUDIT_CUSTODIANS = []
    services.sweep()
    assert not Outlet.objects.open().exists()
    names = AuditRecord.objects.filter(target_kind="outlet").order_by("pk")
    assert {row.log for row in names} == {"system"}
    assert list(names.values_list("action", flat=True)) == [
        "outlets.outlet.opened",
        "outlets.outlet.closed",
    ]
