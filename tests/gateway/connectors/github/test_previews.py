"""What a reviewer sees of GitHub before anything is done."""

import pytest

from gateway.connectors.base import Affected
from gateway.http.errors import OutsideError
from tests.doubles.github import HEAD
from tests.doubles.serving import Said

PLACE = Affected("repository", "acme/shop")
ISSUE = Affected("issue", "acme/shop#7", "Checkout fails")
PULL = Affected("issue", "acme/shop#8", "Pull request: Mend checkout")
MARA = Affected("user", "mara")


def changed(seen):
    return {k: v for k, v in seen.after.items() if seen.before.get(k) != v}


def test_a_comment_is_shown_on_the_state_of_its_issue_with_everybody_it_notifies(hub, ask, github):
    text = "Ask @ana, @acme/ops and a@b.example; `@not` /x/@no"
    seen = github.preview(ask("comment", number=7, body=text))
    assert seen.before == {
        "title": "Checkout fails", "state": "open", "labels": ["bug"], "assignees": [],
        "locked": False, "comment": None,
    }  # fmt: skip
    assert changed(seen) == {"comment": text}
    assert seen.affected == (
        PLACE,
        ISSUE,
        MARA,
        Affected("user", "ana"),
        Affected("team", "acme/ops"),
    )
    assert hub.effects == []


@pytest.mark.parametrize(
    ("operation", "arguments", "change"),
    [
        ("add_labels", {"labels": ["p1", "bug"]}, {"labels": ["bug", "p1"]}),
        ("remove_label", {"label": "Bug"}, {"labels": []}),
        ("assign", {"assignees": ["bo", "ana"]}, {"assignees": ["ana", "bo"]}),
        ("update_issue", {"title": "T"}, {"title": "T"}),
        ("close_issue", {}, {"state": "closed"}),
        ("update_issue", {"body": "New"}, {"body": "New"}),
    ],
)
def test_a_change_of_an_issue_is_shown_as_a_change(ask, github, operation, arguments, change):
    assert changed(github.preview(ask(operation, number=7, **arguments))) == change


def test_what_was_previewed_is_what_is_there_afterwards(ask, github):
    arguments = {"number": 7, "labels": ["p1"]}
    seen = github.preview(ask("add_labels", **arguments))
    github.execute(ask("add_labels", **arguments))
    assert github.preview(ask("add_labels", **arguments)).before == seen.after


def test_a_merge_shows_the_commit_its_size_and_what_hinders_it(hub, ask, github):
    request = ask("merge_pull", number=8, sha=HEAD)
    seen = github.preview(request)
    assert (seen.before["head"], seen.before["base"], seen.before["hindrance"]) == (
        HEAD,
        "main",
        "",
    )
    assert seen.before["changes"]["changed_files"] == 3
    assert changed(seen) == {"state": "closed", "merged": True}
    assert seen.affected == (PLACE, PULL, MARA)
    hub.pulls[8]["mergeable_state"] = "dirty"
    assert github.preview(request).before["hindrance"] == "conflicts"


def test_a_state_that_github_has_not_worked_out_yet_is_no_change(hub, ask, github):
    request = ask("merge_pull", number=8, sha=HEAD)
    seen = github.preview(request)
    hub.pulls[8] |= {"mergeable": None, "mergeable_state": "unknown"}
    assert github.preview(request).before == seen.before


def test_a_merge_of_a_commit_that_was_replaced_is_shown_as_changing_nothing(hub, ask, github):
    hub.pulls[8]["head"]["sha"] = "b" * 40
    seen = github.preview(ask("merge_pull", number=8, sha=HEAD))
    assert seen.before == seen.after


def test_a_review_and_a_request_for_one_name_those_they_concern(ask, github):
    review = {"commit_id": HEAD, "event": "APPROVE", "body": "Good"}
    assert changed(github.preview(ask("review_pull", number=8, **review))) == {"review": review}
    asked = {"reviewers": ["bo"], "team_reviewers": ["ops"]}
    seen = github.preview(ask("request_reviewers", number=8, **asked))
    assert changed(seen) == {"reviewers": ["bo", "ops"]}
    assert seen.affected[-2:] == (Affected("user", "bo"), Affected("team", "acme/ops"))


def test_a_new_issue_shows_who_will_be_able_to_read_it(ask, github):
    seen = github.preview(ask("create_issue", title="T", body="For @ana", assignees=["bo"]))
    assert (seen.before["visibility"], seen.before["issue"]) == ("private", None)
    assert seen.after["issue"]["title"] == "T"
    assert seen.affected == (PLACE, Affected("user", "bo"), Affected("user", "ana"))


def test_a_file_is_shown_as_text_before_and_after(hub, ask, github):
    arguments = {"path": "README.md", "branch": "main", "message": "m", "text": "# New\n"}
    seen = github.preview(ask("put_file", **arguments))
    assert (seen.before["text"], seen.after["text"]) == ("# Shop\n", "# New\n")
    assert seen.affected == (PLACE, Affected("file", "acme/shop/README.md"))
    assert hub.asked[-1].query == {"ref": "main"}


def test_a_workflow_and_a_comment_to_delete_are_shown(ask, github):
    seen = github.preview(ask("dispatch_workflow", workflow="deploy.yml", ref="main"))
    assert (seen.before["name"], seen.after["run"]) == ("Deploy", {"ref": "main", "inputs": {}})
    done = github.execute(ask("comment", number=7, body="Seen"))
    seen = github.preview(ask("delete_comment", comment_id=done.result["comment_id"]))
    assert (seen.before["author"], seen.after) == ("countersign", None)


def test_a_reading_has_no_preview(ask, github):
    assert github.preview(ask("read_issue", number=7)) is None


def test_what_is_not_there_has_no_before(ask, github):
    seen = github.preview(ask("comment", number=99, body="Seen"))
    assert (seen.before, seen.after, seen.affected) == (None, None, (PLACE,))


@pytest.mark.parametrize("body", [{"surprise": []}, [], b"<html>", {"title": 7, "state": None}])
def test_an_answer_that_is_not_githubs_is_an_error_and_not_a_guess(hub, ask, github, body):
    hub.before = [Said(200, body)]
    with pytest.raises(OutsideError, match="not GitHub's"):
        github.preview(ask("comment", number=7, body="Seen"))
