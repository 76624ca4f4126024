"""T18: what a passkey signs counts for one digest, once, from this site, by its verified owner."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action, Approval
from approvals.services import approve, binding, save_policy
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.lib import assertions
from gateway.lib.assertions import Assertion, BadAssertion
from gateway.lib.errors import Denied
from gateway.tenants import services as tenants
from gateway.tenants.freshness import Authentication
from gateway.tenants.models import Challenge
from gateway.tenants.principals import Principal
from tests.doubles.authenticator import PRESENT, Passkey
from tests.factories.factors import code_of, with_app, with_passkey
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db
RULES = [{"name": "all", "when": "true", "verdict": "require_approval", "step_up": True}]
VERIFY = """
import json, sys
from gateway.lib.assertions import Assertion, check
given = json.load(sys.stdin)
print(check(Assertion.from_dict(given["assertion"]), digest=given["digest"]))
"""


@pytest.fixture
def here() -> Scene:
    made = scene()
    save_policy(made.environment, name="rules", rules=RULES, comment="For a test.")
    return made


@pytest.fixture
def passkey(here: Scene) -> Passkey:
    return with_passkey(here.people.may)


def reviewer(here: Scene, *methods: str) -> Principal:
    """The reviewer, who did this much just now."""
    proof = Authentication(timezone.now(), methods or ("password",))
    return replace(here.people.principal(here.people.may), authentication=proof)


def asked(here: Scene, action: Action) -> dict[str, Any]:
    return tenants.ask_passkey(reviewer(here), digest=action.digest)


def given(options: dict[str, Any], credential: dict[str, Any]) -> str:
    return json.dumps({"challenge": options["challenge"], "credential": credential})


def refusal(here: Scene, action: Action, posted: str) -> Denied:
    with pytest.raises(Denied) as refused:
        tenants.take_answer(reviewer(here), digest=action.digest, given=posted)
    assert not Approval.objects.exists()
    return refused.value


def signed(here: Scene, action: Action, passkey: Passkey) -> Principal:
    options = asked(here, action)
    posted = given(options, passkey.sign(options["publicKey"]))
    return tenants.take_answer(reviewer(here), digest=action.digest, given=posted)


def test_a_signature_over_the_digest_lets_the_vote_count_and_the_action_run(
    here: Scene, passkey: Passkey, settle: Any
) -> None:
    action = here.ask()
    with fakes() as (connector, _):
        approve(action=action, by=signed(here, action, passkey), digest=action.digest)
        settle()
        assert len(connector.calls) == 1
    vote = Approval.objects.get()
    assert (vote.statement_version, vote.authentication_methods) == (
        3,
        ["mfa:webauthn", "password"],
    )
    assert binding.is_genuine(vote)
    assert AuditRecord.objects.filter(action="tenants.user.stepped_up").exists()


def test_a_stored_assertion_verifies_offline_without_django(here: Scene, passkey: Passkey) -> None:
    action = here.ask()
    approve(action=action, by=signed(here, action, passkey), digest=action.digest)
    vote = Approval.objects.get()
    stored = json.dumps({"assertion": vote.assertion, "digest": vote.digest})
    environment = {"PYTHONPATH": ".", "PATH": "/usr/bin"}
    ran = subprocess.run(
        [sys.executable, "-c", VERIFY], input=stored, capture_output=True, text=True,
        check=True, env=environment,
    )  # fmt: skip
    assert ran.stdout.strip() == "1"
    with pytest.raises(BadAssertion) as refused:
        assertions.check(Assertion.from_dict(vote.assertion), digest="00" * 32)
    assert refused.value.code == "wrong_challenge"


def test_a_wrong_challenge_is_refused(here: Scene, passkey: Passkey) -> None:
    action = here.ask()
    options = asked(here, action)
    other = passkey.sign(options["publicKey"], challenge="A" * 43)
    assert refusal(here, action, given(options, other)).extra["why"] == "wrong_challenge"


def test_what_was_signed_for_another_action_is_refused(here: Scene, passkey: Passkey) -> None:
    action, other = here.ask(), here.ask(arguments={"note": "other"})
    options = asked(here, other)
    posted = given(options, passkey.sign(options["publicKey"]))
    assert refusal(here, action, posted).code == "step_up_refused"
    with pytest.raises(Denied) as refused:
        approve(action=action, by=signed(here, other, passkey), digest=action.digest)
    assert refused.value.code == "step_up_needed"


def test_a_replay_is_refused(here: Scene, passkey: Passkey) -> None:
    action = here.ask()
    options = asked(here, action)
    posted = given(options, passkey.sign(options["publicKey"]))
    tenants.take_answer(reviewer(here), digest=action.digest, given=posted)
    assert "was used" in refusal(here, action, posted).detail
    again = asked(here, action)
    assert refusal(here, action, given(again, json.loads(posted)["credential"])).extra["why"] == (
        "wrong_challenge"
    )


def test_another_site_is_refused(here: Scene, passkey: Passkey) -> None:
    action = here.ask()
    options = asked(here, action)
    elsewhere = passkey.sign(options["publicKey"], origin="http://localhost.evil.example")
    assert refusal(here, action, given(options, elsewhere)).extra["why"] == "wrong_origin"


def test_a_key_whose_owner_was_not_verified_is_refused(here: Scene, passkey: Passkey) -> None:
    action = here.ask()
    options = asked(here, action)
    touched = passkey.sign(options["publicKey"], flags=PRESENT)
    assert refusal(here, action, given(options, touched)).extra["why"] == "not_verified"


def test_a_copy_of_a_key_is_refused(here: Scene, passkey: Passkey) -> None:
    action, other = here.ask(), here.ask(arguments={"note": "other"})
    for _ in range(3):
        signed(here, other, passkey)
    options = asked(here, action)
    copy = passkey.sign(options["publicKey"], counter=3)
    found = refusal(here, action, given(options, copy))
    assert found.extra["why"] == "cloned_counter"
    assert "copy" in found.detail


def test_a_key_without_a_counter_is_taken(here: Scene) -> None:
    synchronised = with_passkey(here.people.may, has_counter=False)
    for turn in range(2):
        action = here.ask(arguments={"note": f"note {turn}"})
        approve(action=action, by=signed(here, action, synchronised), digest=action.digest)
    assert Approval.objects.count() == 2


@pytest.mark.parametrize(
    "posted", ["", "[]", "{}", "nonsense", '{"challenge": "chl_0", "credential": {}}', "[" * 9000]
)
def test_what_is_no_answer_is_refused(here: Scene, passkey: Passkey, posted: str) -> None:
    assert refusal(here, here.ask(), posted).code == "step_up_refused"


def test_an_answer_after_five_minutes_is_refused(here: Scene, passkey: Passkey) -> None:
    action = here.ask()
    options = asked(here, action)
    Challenge.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    posted = given(options, passkey.sign(options["publicKey"]))
    assert "too old" in refusal(here, action, posted).detail


def test_another_members_key_is_refused(here: Scene, passkey: Passkey) -> None:
    action, theirs = here.ask(), with_passkey(here.people.second)
    options = asked(here, action)
    posted = given(options, theirs.sign(options["publicKey"]))
    assert "none of your passkeys" in refusal(here, action, posted).detail


@pytest.mark.parametrize(
    "methods", [("password",), ("mfa:webauthn",), ("mfa:webauthn", "password")]
)
def test_who_has_a_passkey_signs_and_a_fresh_sign_in_is_not_enough(
    here: Scene, passkey: Passkey, methods: tuple[str, ...]
) -> None:
    action = here.ask()
    with pytest.raises(Denied) as refused:
        approve(action=action, by=reviewer(here, *methods), digest=action.digest)
    assert refused.value.code == "step_up_needed"


@pytest.mark.parametrize(("seconds", "counts"), [(10, True), (290, True), (301, False)])
def test_a_code_counts_for_five_minutes(here: Scene, seconds: int, counts: bool) -> None:
    with_app(here.people.may)
    action, now = here.ask(), timezone.now()
    proof = Authentication(now, ("mfa:totp", "password"), code_at=now - timedelta(seconds=seconds))
    by = replace(here.people.principal(here.people.may), authentication=proof)
    if counts:
        approve(action=action, by=by, digest=action.digest)
        return
    with pytest.raises(Denied) as refused:
        approve(action=action, by=by, digest=action.digest)
    assert refused.value.code == "step_up_needed"


def test_a_code_is_taken_once_and_no_older_one_after_it(here: Scene) -> None:
    secret, now = with_app(here.people.may), time.time()
    assert tenants.take_code(here.people.may, code_of(secret, at=now)) is not None
    assert tenants.take_code(here.people.may, code_of(secret, at=now)) is None
    assert tenants.take_code(here.people.may, code_of(secret, at=now - 30)) is None
    assert tenants.take_code(here.people.second, code_of(secret, at=now)) is None


@pytest.mark.parametrize("demand", ["reviewers", "everyone"])
def test_the_password_is_not_enough_where_a_second_factor_is_demanded(
    here: Scene, settings: Any, demand: str
) -> None:
    settings.SECOND_FACTOR = demand
    action = here.ask()
    with pytest.raises(Denied) as refused:
        approve(action=action, by=reviewer(here), digest=action.digest)
    assert refused.value.code == "step_up_needed"


@pytest.mark.parametrize(
    "part", ["signature", "authenticator_data", "client_data", "origin", "all"]
)
def test_a_vote_whose_assertion_was_changed_does_not_count_at_the_claim(
    here: Scene, passkey: Passkey, settle: Any, part: str
) -> None:
    action = here.ask()
    approve(action=action, by=signed(here, action, passkey), digest=action.digest)
    vote = Approval.objects.get()
    if part == "all":
        vote.assertion = None
    else:
        vote.assertion[part] = "AAAA"
        vote.signature = binding.sign(vote)  # even by who holds the signing key
    vote.save()
    with fakes() as (connector, _):
        settle()
        assert connector.calls == []
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
