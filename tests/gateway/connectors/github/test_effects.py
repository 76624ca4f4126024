"""What is done on GitHub, and what is known afterwards."""

from dataclasses import replace

import pytest

from gateway.connectors.base import OutcomeStatus, Secret
from gateway.http.errors import OutsideError
from gateway.lib import ids
from gateway.lib.cel import compile_expression
from gateway.tools.schema import problems
from tests.doubles.github import BEFORE, HEAD, NOT_FOUND, TOKEN, user
from tests.doubles.serving import Said

ENDS = (OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN)
DONE, REFUSED, UNKNOWN = ENDS
# Each operation once, in the order in which they make sense, and what is counted of it.
EVERY = [
    ("create_issue", {"title": "T", "labels": ["bug"], "assignees": ["ana"]}, ("issue", 9)),
    ("comment", {"number": 7, "body": "Seen"}, ("comment", 1000)),
    ("add_labels", {"number": 7, "labels": ["p1"]}, ("label", "p1")),
    ("remove_label", {"number": 7, "label": "BUG"}, ("unlabel", "BUG")),
    ("assign", {"number": 7, "assignees": ["ana"]}, ("assign", ["ana"])),
    ("update_issue", {"number": 7, "title": "T"}, ("update", {"title": "T"})),
    ("close_issue", {"number": 7, "state_reason": "completed"},
     ("update", {"state": "closed", "state_reason": "completed"})),
    ("reopen_issue", {"number": 7}, ("update", {"state": "open", "state_reason": "reopened"})),
    ("request_reviewers", {"number": 8, "reviewers": ["bo"]}, ("ask", {"reviewers": ["bo"]})),
    ("review_pull", {"number": 8, "commit_id": HEAD, "event": "APPROVE", "body": "Good"},
     ("review", "APPROVED")),
    ("merge_pull", {"number": 8, "sha": HEAD, "merge_method": "squash"}, ("merge", 8)),
    ("dispatch_workflow", {"workflow": "deploy.yml", "ref": "main", "inputs": {"env": "prod"}},
     ("dispatch", {"ref": "main", "inputs": {"env": "prod"}})),
    ("put_file", {"path": "docs/a.md", "branch": "main", "message": "m", "text": "hi"},
     ("file", "docs/a.md")),
]  # fmt: skip
LOST = [
    ("create_issue", {"title": "T"}),
    ("comment", {"number": 7, "body": "Seen"}),
    ("review_pull", {"number": 8, "commit_id": HEAD, "event": "COMMENT", "body": "Hm"}),
    ("merge_pull", {"number": 8, "sha": HEAD}),
    ("put_file", {"path": "docs/a.md", "branch": "main", "message": "m", "text": "hi"}),
]


@pytest.mark.parametrize(("operation", "arguments", "effect"), EVERY, ids=lambda v: str(v)[:20])
def test_what_is_touched_is_named_alike_before_and_by_the_preview(
    ask, github, operation, arguments, effect
):
    request = ask(operation, **arguments)
    expression = compile_expression(github.operations[operation].affected, ("args",))
    named = expression.evaluate({"args": dict(request.arguments)})
    assert set(named) <= {f"{one.kind}:{one.id}" for one in github.preview(request).affected}


@pytest.mark.parametrize(("operation", "arguments", "effect"), EVERY, ids=lambda v: str(v)[:20])
def test_each_operation_has_its_one_effect(hub, ask, github, operation, arguments, effect):
    outcome = github.execute(ask(operation, **arguments))
    assert (outcome.status, outcome.error) == (DONE, "")
    assert hub.effects == [effect]
    assert problems(github.operations[operation].output_schema or {}, outcome.result) == ()
    assert hub.asked[-1].headers["x-correlation-id"] == "cor_1"


def test_only_the_part_people_need_is_kept_of_an_answer(ask, github):
    outcome = github.execute(ask("create_issue", title="T", labels=["bug"]))
    assert outcome.result == {
        "id": 79, "number": 9, "title": "T", "state": "open", "labels": ["bug"], "assignees": [],
        "author": "mara", "url": "https://github.example/acme/shop/issues/9",
    }  # fmt: skip


def test_a_label_that_looks_like_the_marks_place_is_sent_as_it_is(hub, ask, github):
    text = "<!-- countersign:{action} -->"
    github.execute(ask("create_issue", title="T", labels=[text]))
    assert [label["name"] for label in hub.issues[9]["labels"]] == [text]


def test_an_answer_too_long_to_be_read_whole_is_told(hub, ask, github):
    hub.issues[7]["body"] = "x" * 1_100_000
    outcome = github.execute(ask("list_issues"))
    assert (outcome.status, outcome.reason) == (REFUSED, "bad_answer")
    assert "fewer per page" in outcome.error


def test_several_readings_share_one_deadline(hub, ask, github):
    row = {"id": 1, "body": "x", "issue_url": "x/7", "updated_at": BEFORE}
    hub.comments = [row] * 1000
    hurried = replace(ask("comment", number=7, body="Seen"), deadline_s=0.01)
    with pytest.raises(OutsideError, match="no time"):
        github.lookup(hurried)
    assert hub.asked == []


def test_who_was_left_out_in_silence_is_told(ask, github):
    outcome = github.execute(ask("assign", number=7, assignees=["ana", "stranger"]))
    assert outcome.result["ignored_by_github"] == {"assignees": ["stranger"]}


def test_the_mark_names_the_action_in_what_was_written(hub, ask, github):
    github.execute(ask("comment", number=7, body="Seen", key="act_42"))
    assert hub.comments[0]["body"] == "Seen\n\n<!-- countersign:act_42 -->"


@pytest.mark.parametrize(("operation", "arguments"), LOST, ids=lambda v: str(v)[:20])
@pytest.mark.parametrize("spoiled", [None, Said(500, {"message": "Server Error"})])
def test_an_effect_whose_answer_was_lost_is_found(hub, ask, github, operation, arguments, spoiled):
    request = ask(operation, **arguments)
    assert github.lookup(request) is None
    hub.after = [spoiled]
    assert github.execute(request).status is UNKNOWN
    found = github.lookup(request)
    assert found is not None
    assert (found.status, len(hub.effects)) == (DONE, 1)
    assert problems(github.operations[operation].output_schema, found.result) == ()


def test_what_never_arrived_is_not_found(hub, ask, github):
    hub.before = [Said(502, {"message": "Bad gateway"})]
    request = ask("comment", number=7, body="Seen")
    assert github.execute(request).status is UNKNOWN
    assert github.lookup(request) is None


def test_a_deletion_is_found_by_what_is_gone(hub, ask, github):
    done = github.execute(ask("comment", number=7, body="Seen"))
    request = ask("delete_comment", comment_id=done.result["comment_id"])
    hub.after = [None]
    assert github.execute(request).status is UNKNOWN
    assert github.lookup(request).result == {"deleted": True}


def test_a_repository_that_cannot_be_seen_any_more_proves_no_deletion(hub, ask, github):
    hub.before = [NOT_FOUND, NOT_FOUND]
    with pytest.raises(OutsideError):
        github.lookup(ask("delete_comment", comment_id=1))


def test_another_actions_comment_is_not_taken_for_ours(ask, github):
    github.execute(ask("comment", number=7, body="Seen", key="act_1"))
    assert github.lookup(ask("comment", number=7, body="Seen", key="act_2")) is None
    assert github.lookup(ask("comment", number=7, body="Seen", key="act_")) is None


def test_a_merge_of_another_commit_is_not_ours(hub, ask, github):
    hub.pulls[8] |= {"merged": True, "merged_by": user("mara")}
    assert github.lookup(ask("merge_pull", number=8, sha="b" * 40)) is None


def test_a_list_too_long_to_look_through_settles_nothing(hub, ask, github):
    row = {"id": 1, "body": "x", "issue_url": "x/7", "updated_at": BEFORE}
    hub.comments = [row] * 1000
    with pytest.raises(OutsideError, match="more than 10 pages"):
        github.lookup(ask("comment", number=7, body="Seen"))
    assert len(hub.asked) == 10


def test_only_what_is_newer_than_the_action_is_looked_through(hub, ask, github):
    row = {"id": 1, "body": "x", "issue_url": "x/7", "updated_at": "2001-01-01T00:00:00Z"}
    hub.comments = [row] * 1000
    key = ids.encode("act", ids.new_id())
    assert github.lookup(ask("comment", number=7, body="Seen", key=key)) is None
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        (Said(429, {"message": "slow"}, {"Retry-After": "7"}), 7),
        (Said(403, {"message": "You have exceeded a secondary rate limit."},
              {"Retry-After": "30"}), 30),
        (Said(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (Said(403, {"message": "API rate limit exceeded"},
              {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1764126090",
               "Date": "Wed, 26 Nov 2025 03:00:00 GMT"}), 90),
        (Said(403, {"message": "API rate limit exceeded"},
              {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}), 60),
        (Said(429, {"message": "slow"}), 60),
    ],
)  # fmt: skip
def test_a_limit_passes_whatever_form_it_comes_in(hub, ask, github, said, wait):
    hub.before = [said]
    outcome = github.execute(ask("comment", number=7, body="Seen"))
    assert (outcome.status, outcome.reason, outcome.retryable) == (REFUSED, "rate_limited", True)
    assert (outcome.retry_after, outcome.may_have_happened, hub.effects) == (wait, False, [])
    hub.before = [said]
    with pytest.raises(OutsideError) as caught:
        github.preview(replace(ask("comment", number=7, body="Seen"), deadline_s=0.5))
    assert (caught.value.reason, caught.value.permanent) == ("rate_limited", False)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(403, {"message": "Resource not accessible by integration"},
              {"X-Accepted-GitHub-Permissions": "issues=write"}), "permission issues=write"),
        (Said(404, {"message": "Not Found"}), "a missing permission is answered like this"),
        (Said(409, {"message": "Head branch was modified."}), "changed meanwhile"),
        (Said(422, {"message": "Validation Failed", "errors": [
            {"resource": "Issue", "field": "title", "code": "missing_field"},
            {"resource": "Label", "message": "name is too long", "field": "name"},
            "and\r\nmore"]}), "title missing_field, name name is too long, and more"),
        (Said(301, {"message": "Moved Permanently"}, {"Location": "https://x.example"}), "renamed"),
        (Said(418, b"\xff<html>"), "status 418"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do_and_did_nothing(hub, ask, github, said, words):
    hub.before = [said]
    outcome = github.execute(ask("comment", number=7, body="Seen"))
    assert (outcome.status, outcome.retryable) == (REFUSED, False)
    assert words in outcome.error
    assert "\n" not in outcome.error
    assert not outcome.may_have_happened


def test_a_wrong_token_is_told_as_such(hub, ask, github):
    outcome = github.execute(ask("comment", number=7, body="Seen", token="revoked"))
    assert (outcome.status, outcome.reason, hub.effects) == (REFUSED, "http_401", [])
    assert "expired or was revoked" in outcome.error


def test_a_refused_token_is_renewed_once(hub, ask, github):
    request = ask("comment", number=7, body="Seen", token="expired")
    request = replace(request, renew=lambda: Secret("bearer", TOKEN))
    assert github.preview(request).before["state"] == "open"
    assert (github.execute(request).status, len(hub.effects)) == (DONE, 1)


def test_a_change_whose_answer_is_not_githubs_is_unknown_and_a_reading_failed(hub, ask, github):
    page = Said(200, b"<html>sign in</html>", {"Content-Type": "text/html"})
    hub.before = [page, page]
    outcome = github.execute(ask("comment", number=7, body="Seen"))
    assert (outcome.status, outcome.reason) == (UNKNOWN, "bad_answer")
    assert github.execute(ask("read_issue", number=7)).status is REFUSED


def test_a_removed_label_removed_again_is_no_failure(hub, ask, github):
    assert github.execute(ask("remove_label", number=7, label="bug")).result["removed"]
    again = github.execute(ask("remove_label", number=7, label="bug"))
    assert (again.status, again.result) == (DONE, {"removed": False})
    assert len(hub.effects) == 1


def test_labels_set_twice_are_set_once(hub, ask, github):
    for _ in range(3):
        assert github.execute(ask("add_labels", number=7, labels=["p1"])).status is DONE
    assert hub.effects == [("label", "p1")]


def test_what_was_approved_is_what_is_merged(hub, ask, github):
    hub.pulls[8]["head"]["sha"] = "b" * 40
    outcome = github.execute(ask("merge_pull", number=8, sha=HEAD))
    assert (outcome.status, outcome.reason, hub.effects) == (REFUSED, "http_409", [])


def test_a_list_comes_in_pages_that_say_whether_there_are_more(hub, ask, github):
    first = github.execute(ask("list_issues", per_page=1))
    assert [item["number"] for item in first.result["items"]] == [8]
    assert (first.result["has_more"], first.result["next_cursor"]) == (True, "2")
    last = github.execute(ask("list_issues", per_page=1, page=2)).result
    assert (last["items"][0]["is_pull"], last["next_cursor"]) == (False, None)


@pytest.mark.parametrize(
    ("operation", "arguments", "kept"),
    [
        ("read_issue", {"number": 7}, {"title": "Checkout fails", "body": "It does."}),
        ("read_pull", {"number": 8}, {"head": HEAD, "mergeable_state": "clean"}),
    ],
)
def test_a_reading_tells_the_state(ask, github, operation, arguments, kept):
    outcome = github.execute(ask(operation, **arguments))
    assert outcome.status is DONE
    assert kept.items() <= outcome.result.items()


def test_lists_of_comments_and_pulls_are_read(ask, github):
    github.execute(ask("comment", number=7, body="Seen"))
    comments = github.execute(ask("list_comments", number=7)).result["items"]
    assert comments[0]["author"] == "countersign"
    assert github.execute(ask("list_pulls", state="open")).result["items"][0]["head"] == HEAD


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [("comment", {"number": 7, "body": "Seen"}), ("create_issue", {"title": "T"})],
)
def test_what_was_done_is_taken_back_by_what_it_gave(hub, ask, github, operation, arguments):
    done = github.execute(ask(operation, **arguments))
    undo = github.operations[operation].undo
    request = ask(undo, key="act_2", **arguments, result=done.result)
    assert github.preview(request).before is not None
    assert github.execute(request).status is DONE
    assert (hub.comments, hub.issues.get(9, {}).get("state", "closed")) == ([], "closed")
