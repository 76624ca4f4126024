"""The audit log by API."""

import base64
import json
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync

from audit import checkpoints, merkle, published, sequencer, services
from audit.actions import AuditAction
from audit.canonical import canonical
from audit.context import Actor, Target, bind
from audit.models import AuditRecord, Leaf
from tests import people
from tests.audit.superuser import unguard
from tests.callers import key_of
from tests.factories.tenants import EnvironmentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


def note(environment, id="tol_1", correlation="journey-1"):
    with bind(actor=Actor("person", "usr_1"), correlation_id=correlation):
        return services.record(
            AuditAction.TOOL_CREATED, target=Target("tool", id), scope=environment.audit_scope
        )


def found(caller, **query):
    return [row["record"]["target"]["id"] for row in caller.get("audit", query).json()["items"]]


def test_records_are_found_by_target_actor_and_correlation(here):
    note(here.environment, "tol_1")
    note(here.environment, "tol_2", "journey-2")
    note(here.elsewhere, "tol_3")
    auditor = key_of(here, here.auditor)
    assert found(auditor, target="tol_1") == ["tol_1"]
    assert found(auditor, actor="usr_1") == ["tol_2", "tol_1"]
    assert found(auditor, correlation="journey-2") == ["tol_2"]
    assert found(auditor, target="tol_3") == []


def test_a_record_comes_with_the_digest_of_its_text(here):
    row = note(here.environment)
    shown = key_of(here, here.auditor).get("audit", {"target": "tol_1"}).json()["items"][0]
    assert shown == {"record": json.loads(row.body), "sha256": row.body_sha256}


def test_records_of_another_environment_of_the_tenant_are_not_seen(here):
    beside = EnvironmentFactory(tenant=here.environment.tenant, slug="beside")
    note(beside, "tol_9")
    assert found(key_of(here, here.auditor), target="tol_9") == []


def test_an_export_holds_every_text_in_order_and_is_recorded(here):
    bodies = [note(here.environment, f"tol_{n}").body for n in range(3)]
    answer = key_of(here, here.auditor).get("audit/export", {"actor": "usr_1"})
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert _text(answer).splitlines() == bodies
    assert AuditRecord.objects.filter(action="audit.records.exported").count() == 1


def _text(answer):
    async def read():
        return b"".join([part async for part in answer.streaming_content])

    return async_to_sync(read)().decode()


def test_a_viewer_neither_reads_nor_exports(here):
    viewer = key_of(here, here.may_not)
    assert viewer.get("audit").status_code == 403
    assert viewer.get("audit/export").status_code == 403


@pytest.fixture
def signed(here, published_in):
    """Six records of the tenant, of which a checkpoint covers five."""
    rows = [note(here.environment, f"tol_{n}") for n in range(5)]
    sequencer.Sequencer().tick()
    return [*rows, note(here.environment, "tol_5")]


def test_a_proof_needs_nothing_but_the_answer_and_a_key(here, signed):
    caller = key_of(here, here.auditor)
    for row in signed[:5]:
        answer = caller.get(f"audit/proof/{row.pk}").json()
        head = checkpoints.verify(answer["checkpoint"]["note"], published.public_keys())
        leaf = merkle.leaf_hash(canonical(answer["record"]))
        merkle.check_inclusion(
            leaf,
            index=answer["leaf_index"],
            size=head.size,
            proof=[base64.b64decode(text) for text in answer["hashes"]],
            root=head.root,
        )
        assert answer["record"]["id"] == str(row.pk)
        assert answer["leaf_hash"] == leaf.hex()


def test_a_proof_is_also_a_file_that_other_tools_take(here, signed):
    answer = key_of(here, here.auditor).get(f"audit/proof/{signed[0].pk}").json()
    kind, index, *rest = answer["tlog_proof"].split("\n", 2 + len(answer["hashes"]))
    assert (kind, index) == ("c2sp.org/tlog-proof@v1", f"index {answer['leaf_index']}")
    assert rest[:-1] == answer["hashes"]
    assert rest[-1] == "\n" + answer["checkpoint"]["note"]


def test_the_newest_checkpoint_comes_with_the_keys_to_verify_it(here, signed):
    answer = key_of(here, here.auditor).get("audit/checkpoint").json()
    head = checkpoints.verify(answer["note"], published.public_keys())
    assert (answer["log"], answer["size"], answer["root"]) == (head.log, head.size, head.root.hex())
    assert answer["log"] == here.environment.audit_scope.tenant
    (key,) = answer["verifier_keys"]
    assert key == checkpoints.verifier_key(head.log, published.public_keys()[0])


def test_what_no_checkpoint_covers_yet_says_when_to_ask_again(here, signed):
    answer = key_of(here, here.auditor).get(f"audit/proof/{signed[5].pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_yet")
    assert int(answer["Retry-After"]) >= 10


def test_before_the_first_checkpoint_there_is_none_to_get(here):
    assert key_of(here, here.auditor).get("audit/checkpoint").status_code == 409


def test_a_record_of_others_has_no_proof_here(here, signed):
    beside = EnvironmentFactory(tenant=here.environment.tenant, slug="beside")
    others = [note(here.elsewhere), note(beside)]
    sequencer.sequence()
    caller = key_of(here, here.auditor)
    names = [str(row.pk) for row in others] + [str(uuid4()), "x", signed[0].pk.hex]
    assert [caller.get(f"audit/proof/{name}").status_code for name in names] == [404] * 5


def test_a_viewer_gets_no_proof(here, signed):
    viewer = key_of(here, here.may_not)
    assert viewer.get("audit/checkpoint").status_code == 403
    assert viewer.get(f"audit/proof/{signed[0].pk}").status_code == 403


@pytest.fixture
def grown(here, published_in):
    """A checkpoint of five records, and one of nine."""
    log = here.environment.audit_scope.tenant
    published.announce_key(sequencer._public_key())
    for size in (5, 9):
        for n in range(size - sequencer.tree.size(log)):
            note(here.environment, f"tol_{n}")
        sequencer.sequence()
        sequencer.sign(log, size)


def test_whoever_kept_a_head_is_proven_that_the_log_only_grew(here, grown):
    caller = key_of(here, here.auditor)
    log = here.environment.audit_scope.tenant
    for earlier in range(1, 10):
        answer = caller.get("audit/consistency", {"from": earlier}).json()
        head = checkpoints.verify(answer["checkpoint"]["note"], published.public_keys())
        proof = [base64.b64decode(text) for text in answer["hashes"]]
        merkle.check_consistency(
            (earlier, head.size), proof, roots=(sequencer.tree.root(log, earlier), head.root)
        )
        assert (answer["from"], answer["to"], answer["log"]) == (earlier, 9, log)
        # The planted fault: a head that was never this log's.
        with pytest.raises(merkle.BadProof):
            merkle.check_consistency((earlier, head.size), proof, roots=(bytes(32), head.root))


def test_the_later_head_may_be_named_and_must_be_signed(here, grown):
    caller = key_of(here, here.auditor)
    assert caller.get("audit/consistency", {"from": 3, "to": 5}).json()["to"] == 5
    answer = caller.get("audit/consistency", {"from": 3, "to": 6})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "No checkpoint covers 6 leaves" in answer.json()["errors"]["to"][0]


@pytest.mark.parametrize("start", [None, "", "0", "-1", "x", "10", "1.5", "9" * 30])
def test_a_beginning_that_is_none_is_named(here, grown, start):
    asked = {} if start is None else {"from": start}
    answer = key_of(here, here.auditor).get("audit/consistency", asked)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["from"])


def test_consistency_before_the_first_head_and_for_a_viewer(here):
    assert key_of(here, here.auditor).get("audit/consistency", {"from": 1}).status_code == 409
    assert key_of(here, here.may_not).get("audit/consistency", {"from": 1}).status_code == 403


def test_a_hole_in_the_tree_is_said_instead_of_a_proof(here, grown):
    unguard()
    Leaf._base_manager.filter(log=here.environment.audit_scope.tenant, leaf_index=3).delete()
    caller = key_of(here, here.auditor)
    row = AuditRecord.objects.filter(target_id="tol_0").order_by("pk").first()
    for path, asked in (("audit/consistency", {"from": 5}), (f"audit/proof/{row.pk}", {})):
        answer = caller.get(path, asked)
        assert (answer.status_code, answer.json()["code"]) == (409, "log_broken")
        assert "audit_verify" in answer.json()["detail"]
