"""Changing any part of what was approved changes the digest, and no signature can be moved."""

from dataclasses import fields, replace

import pytest

from approvals.digest import (
    DigestParts,
    action_digest,
    public_key,
    sign_decision,
    sign_grant,
    verify_decision,
    verify_grant,
)

PARTS = DigestParts(
    action_id="act_1",
    version=1,
    tenant="ten_1",
    environment="env_1",
    run=None,
    requester="agent:agt_1",
    tool="tol_1",
    definition_hash="d" * 64,
    rendered_request={"kind": "http", "method": "POST", "url": "https://a.example/x"},
    connection=None,
    connection_revision=0,
    target=("order:7",),
    before_hash="b" * 64,
    risk="high",
    requirement_hash="c" * 64,
    nonce="n" * 32,
)
CHANGED = {
    "version": 2,
    "connection_revision": 1,
    "rendered_request": {**PARTS.rendered_request, "body": ""},
    "target": ("order:7", "order:8"),
}
SEED = "01" * 32
STATEMENT = {"action": "act_1", "version": 1, "digest": "a" * 64, "decision": "approve"}


@pytest.mark.parametrize("name", [part.name for part in fields(DigestParts)])
def test_every_one_of_the_sixteen_parts_changes_the_digest(name):
    changed = replace(PARTS, **{name: CHANGED.get(name, "other")})
    assert action_digest(changed) != action_digest(PARTS)


def test_sixteen_parts_are_bound():
    assert len(fields(DigestParts)) == 16


def test_digest_is_frozen_for_this_version():
    assert action_digest(PARTS) == FROZEN


def test_parts_survive_storage():
    assert DigestParts.from_dict(PARTS.as_dict()) == PARTS


def test_stored_parts_with_one_missing_are_refused():
    stored = PARTS.as_dict()
    del stored["nonce"]
    with pytest.raises(ValueError, match="nonce"):
        DigestParts.from_dict(stored)


def test_signature_is_verified_by_the_public_key():
    signature = sign_decision(SEED, STATEMENT)
    assert verify_decision(public_key(SEED), STATEMENT, signature)


@pytest.mark.parametrize("name", sorted(STATEMENT))
def test_signature_does_not_fit_another_statement(name):
    signature = sign_decision(SEED, STATEMENT)
    assert not verify_decision(public_key(SEED), {**STATEMENT, name: "other"}, signature)


@pytest.mark.parametrize("forged", ["", "zz", "00", "00" * 64])
def test_malformed_or_forged_signature_is_a_no(forged):
    assert not verify_decision(public_key(SEED), STATEMENT, forged)


def test_signature_of_another_key_is_a_no():
    assert not verify_decision(public_key("02" * 32), STATEMENT, sign_decision(SEED, STATEMENT))


FROZEN = "60c0ada8aac3568e7f68ebb82b38ae81edaddf7d4e53b6ae0820b752272cf097"


def test_statements_of_the_first_form_are_still_verified_and_pass_for_no_other():
    old = sign_decision(SEED, STATEMENT, version=1)
    assert verify_decision(public_key(SEED), STATEMENT, old, version=1)
    assert not verify_decision(public_key(SEED), STATEMENT, old)
    assert not verify_decision(public_key(SEED), STATEMENT, old, version=3)


GRANT = {"grant": "gra_1", "tool": "tol_1", "until": "2026-12-01T00:00:00Z"}
FROZEN_GRANT = (
    "9e403d2bec91253b185ddb24fc702cdcfb45eb82636a30d8faf1a36c98657451"
    "a940f953e83d53ff7844f8fdf92d39077c475f605df99fd58e8670f9d8cf3006"
)


def test_grant_is_verified_by_the_public_key_and_fits_no_other():
    signature = sign_grant(SEED, GRANT)
    assert verify_grant(public_key(SEED), GRANT, signature)
    assert not verify_grant(public_key(SEED), {**GRANT, "tool": "tol_2"}, signature)
    assert not verify_grant(public_key("02" * 32), GRANT, signature)
    assert not verify_grant(public_key(SEED), GRANT, "zz")


def test_form_of_a_grant_is_frozen():
    assert sign_grant(SEED, GRANT) == FROZEN_GRANT


@pytest.mark.parametrize("version", [1, 2, 3])
def test_signed_vote_passes_for_no_grant_and_a_grant_for_no_vote(version):
    vote = sign_decision(SEED, GRANT, version=version)
    assert not verify_grant(public_key(SEED), GRANT, vote)
    assert not verify_decision(public_key(SEED), GRANT, sign_grant(SEED, GRANT), version=version)
