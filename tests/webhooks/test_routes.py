"""The routes editor: moves, errors at their place, previews on what came, templates."""

import json

import pytest

from audit.models import AuditRecord
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks import services
from webhooks.forms.route import lines_of, mapping_of
from webhooks.models import Route
from webhooks.route_templates import TEMPLATES, templates_of
from webhooks.routing import Rule
from webhooks.samples import SAMPLES, sample_of, samples_of
from webhooks.schemes.catalogue import SCHEMES
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def desk(met):
    return signed_in(met.operator)


@pytest.fixture
def source(met):
    return SourceFactory(environment=met.environment, scheme="github")


def page(source):
    return at(source.environment, "webhooks:routes", source=source.slug)


def posted(*rows, do="save", **more):
    data = {"rows": str(len(rows)), "do": do, "version": "1"} | more
    for at_, row in enumerate(rows):
        row = {"name": f"r{at_}", "when": "true", "effect": "record", "arguments": ""} | row
        data |= {f"r{at_}-{name}": value for name, value in row.items()}
    return data


def names(answer):
    shown = text(answer)
    return [part.split('"')[0] for part in shown.split('-name" value="')[1:]]


def pull_request(source, **fields):
    body = {"action": "opened", "number": 7, "title": "Keep \u202e it lit"}
    return EventFactory(
        source=source, event_type="pull_request", body=json.dumps(body).encode(), due_at=None,
        status=EventStatus.PROCESSED, headers=b"content-type: application/json", **fields,
    )  # fmt: skip


def test_routes_are_saved_in_their_order_with_who_edited_them(met, desk, source):
    agent = AgentFactory(environment=met.environment)
    first = {
        "name": "review", "when": 'event.type == "pull_request"', "effect": "start_run",
        "agent": agent.public_id, "arguments": 'task = "Review " + body.title',
    }  # fmt: skip
    answer = desk.post(page(source), posted(first, {"name": "rest"}))
    assert answer.status_code == 302
    review, rest = source.routes.all()
    assert (review.name, review.agent, review.edited_by) == ("review", agent, met.operator)
    assert review.arguments == {"task": '"Review " + body.title'}
    assert (rest.name, rest.when) == ("rest", "true")
    shown = text(desk.get(page(source)))
    assert "Review" in shown
    assert AuditRecord.objects.filter(action="webhooks.route.changed").count() == 1


def test_saving_by_htmx_leads_on_to_the_source(desk, source):
    answer = desk.post(page(source), posted({"name": "all"}), headers=HTMX)
    assert answer["HX-Redirect"].endswith(f"/sources/{source.slug}/")


def test_a_fault_is_shown_with_the_caret_under_it_and_nothing_is_saved(desk, source):
    RouteFactory(source=source, name="kept")
    answer = desk.post(page(source), posted({"when": 'event.type == == "x"'}))
    assert answer.status_code == 422
    shown = text(answer)
    assert "event.type == == &quot;x&quot;\n              ^" in shown
    assert [route.name for route in source.routes.all()] == ["kept"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"arguments": "task = body.("}, "task"),
        ({"arguments": "no equals sign"}, "write name = expression"),
        ({"arguments": "a = 1\na = 2"}, "there twice"),
        ({"name": ""}, "required"),
        ({"effect": "explode"}, "valid choice"),
        ({"agent": "agt_x"}, "valid choice"),
        ({"effect": "start_run"}, "agent or provider"),
        ({"effect": "action"}, "agent and the tool"),
        ({"effect": "run"}, "provider whose runs"),
    ],
)
def test_a_route_that_cannot_be_is_told_in_its_row(desk, source, row, said):
    answer = desk.post(page(source), posted({"name": "fine"}, row))
    assert answer.status_code == 422
    assert said in text(answer)
    assert not Route.objects.exists()


def test_an_agent_of_another_tenant_cannot_be_named(met, desk, source):
    theirs = AgentFactory(environment=met.elsewhere)
    row = {"effect": "start_run", "agent": theirs.public_id, "arguments": "task = 'x'"}
    assert desk.post(page(source), posted(row)).status_code == 422


def test_routes_that_somebody_else_changed_meanwhile_are_looked_at_first(desk, source):
    services.replace_routes(source, [services.NewRoute("theirs", "record")], by=None)
    answer = desk.post(page(source), posted({"name": "mine"}))
    assert answer.status_code == 409
    assert "changed since you opened" in text(answer)
    assert [route.name for route in source.routes.all()] == ["theirs"]
    again = posted({"name": "mine"}, version=str(source.version))
    assert desk.post(page(source), again).status_code == 302
    assert [route.name for route in source.routes.all()] == ["mine"]


def test_rows_move_and_go_before_anything_is_saved(desk, source):
    rows = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    for do, wanted in [
        ("up-1", ["b", "a", "c"]),
        ("up-0", ["a", "b", "c"]),
        ("down-0", ["b", "a", "c"]),
        ("down-2", ["a", "b", "c"]),
        ("remove-1", ["a", "c"]),
        ("add", ["a", "b", "c", ""]),
        ("sideways-1", ["a", "b", "c"]),
        ("up-99", ["a", "b", "c"]),
    ]:
        answer = desk.post(page(source), posted(*rows, do=do))
        assert answer.status_code == 200
        assert [name for name in names(answer) if name or do == "add"][: len(wanted)] == [
            name for name in wanted if name
        ], do
    assert not Route.objects.exists()


def test_a_preview_shows_which_route_takes_what_came_and_what_it_fills_in(desk, source):
    event = pull_request(source)
    EventFactory(source=source, event_type="push", body=b"{}", due_at=None)
    rows = [
        {"name": "odd", "when": "body.missing.deep == 1"},
        {
            "name": "review", "when": 'event.type == "pull_request"',
            "arguments": 'task = "See " + body.title',
        },
    ]  # fmt: skip
    answer = desk.post(page(source), posted(*rows, do="preview"), headers=HTMX)
    assert answer.status_code == 200
    shown = text(answer)
    assert "<html" not in shown
    assert event.public_id in shown
    assert "See Keep" in shown
    assert 'data-char="U+202E"' in shown
    assert "only recorded" in shown
    assert "odd:" in shown
    assert not Route.objects.exists()
    assert AuditRecord.objects.filter(action="webhooks.route.previewed").count() == 1


def test_what_would_not_be_filled_in_is_told(source):
    pull_request(source)
    rule = Rule("review", "true", {"task": "body.nothing"})
    (row,) = services.preview_routes(source, [rule])
    assert (row.index, row.filled) == (0, {})
    assert "would not be filled in" in row.trouble[-1]


def test_only_the_last_events_whose_content_is_kept_are_previewed(source):
    pull_request(source)
    EventFactory(source=source, body=None, due_at=None)
    assert len(services.preview_routes(source, [])) == 1
    for _ in range(25):
        pull_request(source)
    assert len(services.preview_routes(source, [])) == 20


def test_without_events_the_providers_samples_are_previewed(desk, source):
    shown = text(desk.post(page(source), posted({"name": "all"}, do="preview")))
    for sample in samples_of("github"):
        assert f"Sample: {sample.title}" in shown
    assert not AuditRecord.objects.filter(action="webhooks.route.previewed").exists()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.slug)
def test_a_template_takes_its_sample_and_fills_in_its_task(template):
    rule = Rule(template.title, template.when, template.arguments)
    for scheme in template.schemes:
        source = SourceFactory(scheme=scheme)
        for sample in samples_of(scheme):
            row = services.preview_sample(source, sample, [rule])
            is_meant = sample.name == template.sample or len(template.schemes) > 1 == len(
                samples_of(scheme)
            )
            assert (row.index == 0) is is_meant, (sample.name, row)
            if is_meant:
                assert len(row.filled["task"]) > 15
                assert "map[" not in row.filled["task"]


def test_every_template_names_schemes_and_a_sample_that_exist():
    for template in TEMPLATES:
        assert set(template.schemes) <= set(SCHEMES)
        scheme = template.schemes[0] if template.schemes else ""
        if template.sample and scheme in SAMPLES:
            named = sample_of(scheme, template.sample).name
            assert named == template.sample or len(template.schemes) > 1
    assert templates_of("hubspot_v3")[-1].slug == "everything-else"


def test_a_template_is_added_to_the_rows(desk, source):
    answer = desk.post(page(source), posted({"name": "a"}, do="use", template="triage-issue"))
    assert names(answer) == ["a", "Issue opened: triage it"]
    assert "Triage issue 59 of acme/lighthouse" in text(answer)
    assert names(desk.post(page(source), posted(do="use", template="nothing"))) == []


def test_a_mapping_survives_being_shown_and_read_again():
    mapping = {"task": '"a" +\n"b"', "n": "1 == 1"}
    read = mapping_of(lines_of(mapping))
    assert read["n"] == "1 == 1"
    assert read["task"].split() == mapping["task"].split()


def test_who_only_looks_and_who_is_a_stranger_edits_no_route(met, source):
    for user, status in ((met.may_not, 403), (met.stranger, 404)):
        assert signed_in(user).get(page(source)).status_code == status
        assert signed_in(user).post(page(source), posted({"name": "x"})).status_code == status
    assert not Route.objects.exists()
