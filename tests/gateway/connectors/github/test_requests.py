"""What is rendered for GitHub: names stay in their place, the mark's place stands in the text."""

import json

import pytest

from gateway.connectors.base import Unknown
from gateway.connectors.github.connector import GithubConnector
from gateway.tools.render import RenderError, check_effect
from gateway.tools.schema import check_definition, problems

GITHUB = GithubConnector()
PLACE = {"owner": "acme", "repo": "shop"}
MARK = "<!-- countersign:{action} -->"


def rendered(operation, config=None, **arguments):
    return GITHUB.render(config or {}, operation, PLACE | arguments)


def test_the_version_is_pinned_and_nothing_of_a_credential_is_rendered():
    request = rendered("read_issue", number=7)
    assert request["url"] == "https://api.github.com/repos/acme/shop/issues/7"
    assert request["headers"]["X-GitHub-Api-Version"] == "2022-11-28"
    assert request["headers"]["Accept"] == "application/vnd.github+json"
    assert request["body"] is None


def test_an_own_server_has_its_own_address():
    request = rendered("read_issue", {"base_url": "https://ghe.example/api/v3/"}, number=7)
    assert request["url"] == "https://ghe.example/api/v3/repos/acme/shop/issues/7"


def test_a_comment_shows_where_its_mark_will_stand():
    body = json.loads(rendered("comment", number=7, body="Seen, @ana.")["body"])
    assert body == {"body": f"Seen, @ana.\n\n{MARK}"}


def test_an_issue_without_text_carries_the_mark_alone_and_no_empty_lists():
    body = json.loads(rendered("create_issue", title="Checkout fails")["body"])
    assert body == {"title": "Checkout fails", "body": MARK}


@pytest.mark.parametrize("operation", ["comment", "update_issue"])
@pytest.mark.parametrize("text", ["<!-- countersign:act_9 -->", "a <!-- CounterSign:x"])
def test_no_text_may_carry_the_mark_of_another_action(operation, text):
    with pytest.raises(RenderError, match="reserved"):
        rendered(operation, number=7, body=text)


def test_pages_are_bounded_without_being_asked():
    assert rendered("list_issues", state="open", labels="bug,p1")["url"].endswith(
        "/issues?state=open&labels=bug%2Cp1&per_page=20"
    )


def test_a_file_is_sent_as_github_wants_it_and_its_path_is_one_value():
    request = rendered("put_file", path="docs/a b.md", branch="fix/1", message="m", text="hé\n")
    assert request["url"].endswith("/contents/docs%2Fa%20b.md")
    assert json.loads(request["body"]) == {"message": "m", "branch": "fix/1", "content": "aMOpCg=="}


def test_a_label_with_a_slash_stays_one_label():
    assert rendered("remove_label", number=7, label="area/api")["url"].endswith(
        "/issues/7/labels/area%2Fapi"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("owner", "acme/shop"), ("owner", ".."), ("owner", ""), ("owner", "acme\r\nX-Evil: 1"),
        ("owner", "acme\n"), ("repo", "shop/../../user"), ("repo", "sh?p"), ("repo", "shop#"),
        ("repo", 7), ("repo", "{number}"), ("owner", None),
    ],
)  # fmt: skip
def test_a_name_that_would_lead_elsewhere_is_refused(name, value):
    with pytest.raises(RenderError, match=name):
        GITHUB.render({}, "read_issue", PLACE | {"number": 7, name: value})


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("put_file", {"path": "../../x", "branch": "b", "message": "m", "text": ""}),
        ("put_file", {"path": "a/./b", "branch": "b", "message": "m", "text": ""}),
        ("put_file", {"path": "a\\..\\b", "branch": "b", "message": "m", "text": ""}),
        ("remove_label", {"number": 7, "label": ".."}),
        ("remove_label", {"number": 7, "label": "a\r\nb"}),
        ("dispatch_workflow", {"workflow": "..", "ref": "main"}),
    ],
)
def test_a_path_cannot_be_climbed_out_of(operation, arguments):
    with pytest.raises(RenderError):
        rendered(operation, **arguments)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"base_url": "https://{owner}.example"}, "base_url"),
        ({"base_url": "https://x.example/?a="}, "base_url"),
        ({"base_url": 7}, "base_url"),
        ({"base_url": "ftp://x.example"}, "https"),
        ({"base_url": "https://me:pw@x.example"}, "connection"),
        ({"owner": "acme"}, "owner"),
    ],
)
def test_a_configuration_that_leads_elsewhere_is_refused_when_the_tool_is_saved(config, named):
    operation = GITHUB.operations["read_issue"]
    with pytest.raises(RenderError, match=named):
        GITHUB.check("read_issue", config, operation.schema)


def test_another_operation_and_another_argument_are_refused():
    with pytest.raises(Unknown, match="drop_repository"):
        GITHUB.check("drop_repository", {}, {})
    with pytest.raises(RenderError, match="needs number, owner, repo"):
        GITHUB.check("read_issue", {}, {"properties": {}})


@pytest.mark.parametrize("operation", GITHUB.operations.values(), ids=lambda o: o.name)
def test_every_operation_is_a_strict_tool_that_says_what_it_does(operation):
    check_definition(operation.schema)
    GITHUB.check(operation.name, {}, operation.schema)
    if operation.side_effect != "read":
        check_effect(operation.effect, operation.schema)
        assert operation.has_preview
        assert operation.material
    if operation.undo:
        assert operation.undo in GITHUB.operations
    if "hidden mark" in operation.effect:
        assert operation.has_lookup


@pytest.mark.parametrize(
    "arguments",
    [
        {"number": 0, "body": "x"},
        {"number": 7},
        {"number": 7, "body": "x" * 65_001},
        {"number": 7, "body": "x", "owner": "acme/.."},
        {"number": 7, "body": "x", "force": True},
    ],
)
def test_the_schema_refuses_what_github_could_not_take(arguments):
    assert problems(GITHUB.operations["comment"].schema, PLACE | arguments)
