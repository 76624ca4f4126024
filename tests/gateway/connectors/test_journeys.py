"""Tools made of offered operations, through gate, approval and executor, to services that err."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import executor
from approvals.models import Action
from approvals.services import approve
from gateway.connections.services import create
from gateway.tools import services
from tests.doubles import github as github_double
from tests.doubles import shopify as shopify_double
from tests.doubles import stripe as stripe_double
from tests.doubles.serving import serving
from tests.gateway.connectors.shopify.samples import ADJUST
from tests.invariants.scene import scene

pytestmark = pytest.mark.django_db
ISSUE = {"owner": "acme", "repo": "shop", "number": 7}
PULL = ISSUE | {"number": 8}


class Journey:
    """One tool of one service, and what an agent asks of it."""

    def __init__(self, service, *, operation, arguments, token):
        kind, name = operation.split(".")
        self.here, self.service = scene(), service
        connection = create(self.here.environment, slug=kind, kind="bearer", value=token)
        definition = services.with_offer(
            {"connector": kind, "operation": name, "config": {"base_url": service.url}}
        )
        services.save(self.here.environment, name=name, connection=connection, **definition)
        self.action = self.here.ask(name, arguments=arguments)
        assert (self.action.status, self.action.preview_error) == ("pending", "")

    def approve(self):
        people = self.here.people
        for person in (people.may, people.second):
            self.action.refresh_from_db()
            if self.action.status == "pending":
                approve(action=self.action, by=people.principal(person), digest=self.action.digest)

    def work(self, *, times=1):
        """A worker comes so often, each time after the wait is over."""
        past = timezone.now() - timedelta(seconds=1)
        for _ in range(times):
            mine = Action.objects.filter(pk=self.action.pk)
            mine.filter(due_at__isnull=False).update(due_at=past)
            executor.execute(str(self.action.pk))
        self.action.refresh_from_db()
        return self.action


@pytest.fixture
def journey(settings, request):
    """Starts a service and goes up to the question."""
    opened = []

    def start(double, operation, arguments, *, token):
        running = serving(double)
        service = running.__enter__()
        opened.append(running)
        settings.OUTBOUND_ALLOW = [service.host_port]
        return Journey(service, operation=operation, arguments=arguments, token=token)

    yield start
    for running in opened:
        running.__exit__(None, None, None)


@pytest.fixture
def at_github(journey):
    def start(operation, arguments):
        double = github_double.Github()
        return journey(double, f"github.{operation}", arguments, token=github_double.TOKEN)

    return start


def test_a_comment_whose_answer_was_lost_is_found_and_not_written_again(at_github):
    asked = at_github("comment", ISSUE | {"body": "Seen, @ana."})
    assert asked.action.target == ["issue:acme/shop#7"]
    asked.approve()
    asked.service.after = [None]
    action = asked.work(times=2)
    assert (action.status, len(asked.service.effects)) == ("succeeded", 1)
    assert asked.service.comments[0]["body"].endswith(f"<!-- countersign:{action.public_id} -->")
    assert action.result["comment_id"] == 1000


def test_a_tool_is_undone_where_it_acts(at_github):
    asked = at_github("comment", ISSUE | {"body": "Seen."})
    assert asked.action.tool_version.compensate == {
        "operation": "delete_comment", "config": {"base_url": asked.service.url},
    }  # fmt: skip


def test_a_pull_request_that_moved_since_is_not_merged_and_asked_about_again(at_github):
    asked = at_github("merge_pull", PULL | {"sha": github_double.HEAD, "merge_method": "squash"})
    asked.approve()
    asked.service.pulls[8]["head"]["sha"] = "b" * 40
    action = asked.work()
    assert (action.status, asked.service.effects) == ("pending", [])
    assert action.before["head"] == "b" * 40


def test_a_pull_request_whose_label_changed_is_merged_all_the_same(at_github):
    asked = at_github("merge_pull", PULL | {"sha": github_double.HEAD, "merge_method": "squash"})
    asked.approve()
    asked.service.pulls[8]["title"] = "Mend the checkout"
    assert asked.work().status == "succeeded"
    assert asked.service.effects == [("merge", 8)]


@pytest.mark.parametrize("spoiled", [None, stripe_double.problem(500, "api_error", "Oops")])
def test_a_refund_whose_answer_was_lost_is_paid_once(journey, spoiled):
    asked = journey(
        stripe_double.Stripe(), "stripe.refund", {"payment_intent": "pi_1", "amount": 500},
        token=stripe_double.SECRET,
    )  # fmt: skip
    assert asked.action.after["refunded"] == 500
    asked.approve()
    asked.service.after = [spoiled]
    action = asked.work(times=2)
    assert (action.status, asked.service.effects) == ("succeeded", [("refund", 500)])
    assert asked.service.refunds[0]["metadata"] == {"countersign_action": action.public_id}


def test_a_quantity_that_moved_since_is_asked_about_again(journey):
    asked = journey(
        shopify_double.Shopify(), "shopify.adjust_inventory", dict(ADJUST),
        token=shopify_double.TOKEN,
    )  # fmt: skip
    assert (asked.action.before["available"], asked.action.after["available"]) == (10, 7)
    asked.approve()
    asked.service.quantities["available"] = 9
    assert (asked.work().status, asked.service.effects) == ("pending", [])


def test_a_throttled_change_is_made_after_the_wait(journey):
    asked = journey(
        shopify_double.Shopify(), "shopify.adjust_inventory", dict(ADJUST),
        token=shopify_double.TOKEN,
    )  # fmt: skip
    asked.approve()
    asked.service.refuse_once = "inventoryAdjustQuantities"
    assert (asked.work().status, asked.service.effects) == ("approved", [])
    assert asked.action.due_at > timezone.now()
    assert (asked.work().status, len(asked.service.effects)) == ("succeeded", 1)
