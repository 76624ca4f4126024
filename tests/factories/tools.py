"""Tools and their versions, and the definitions of the demo shop's four tools."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from audit.canonical import digest
from gateway.tools.models import Pin, RetryClass, Risk, SideEffect, Tool, ToolVersion, Upstream
from tests.factories.tenants import EnvironmentFactory

TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
LONG_TEXT = {"type": "string", "minLength": 1, "maxLength": 4000}


def strict(**properties: dict[str, Any]) -> dict[str, Any]:
    """A schema of an object that has exactly these properties, all of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


class ToolDefinitionFactory(factory.DictFactory):
    """What `tools.services.save` takes beside environment and connection: a harmless write."""

    name = factory.Sequence(lambda n: f"tool_{n}")
    description = "Writes a note."
    input_schema = factory.LazyFunction(lambda: strict(note=TEXT))
    side_effect = SideEffect.WRITE.value
    retry_class = RetryClass.IDEMPOTENT.value
    risk = Risk.MEDIUM.value
    connector = "fake"
    operation = "echo"
    config = factory.LazyFunction(dict)
    effect = "Write the note {{ note }}"
    affected = ""


class ShopToolFactory(ToolDefinitionFactory):
    """A tool of the demo shop; `base_url` says where the shop is."""

    class Params:
        base_url = "http://127.0.0.1:9"

    connector = "sandbox"
    operation = factory.SelfAttribute("name")
    config = factory.LazyAttribute(lambda made: {"base_url": made.base_url})


class LookupCustomerFactory(ShopToolFactory):
    name = "lookup_customer"
    description = "Read a customer's record."
    input_schema = factory.LazyFunction(lambda: strict(customer_id=TEXT))
    side_effect = SideEffect.READ.value
    retry_class = RetryClass.SAFE.value
    risk = Risk.LOW.value
    effect = "Read customer {{ customer_id }}"
    affected = '["customer:" + args.customer_id]'


class CreateSupportTicketFactory(ShopToolFactory):
    name = "create_support_ticket"
    description = "Open a support ticket for a customer."
    input_schema = factory.LazyFunction(
        lambda: strict(
            customer_id=TEXT,
            subject=TEXT,
            description=LONG_TEXT,
            priority={"enum": ["low", "normal", "high", "urgent"]},
        )
    )
    effect = "Open a ticket of {{ priority }} priority for {{ customer_id }}: {{ subject }}"
    affected = '["customer:" + args.customer_id]'


class SendEmailFactory(ShopToolFactory):
    name = "send_email"
    description = "Send an e-mail to a customer."
    input_schema = factory.LazyFunction(
        lambda: strict(to={**TEXT, "format": "email"}, subject=TEXT, body=LONG_TEXT)
    )
    effect = "Send the e-mail “{{ subject }}” to {{ to }}"
    affected = '["email:" + args.to]'


class RefundFactory(ShopToolFactory):
    """Money leaves, so it counts as destructive; the shop honours idempotency keys."""

    name = "refund"
    description = "Refund part or all of an order."
    input_schema = factory.LazyFunction(
        lambda: strict(
            order_id=TEXT,
            amount={"type": "string", "pattern": "^[0-9]{1,7}\\.[0-9]{2}$"},
            currency={"type": "string", "pattern": "^[A-Z]{3}$"},
            reason=TEXT,
        )
    )
    side_effect = SideEffect.DESTRUCTIVE.value
    risk = Risk.HIGH.value
    material = factory.LazyFunction(lambda: ["refunded", "remaining"])
    effect = "Refund {{ amount }} {{ currency }} on order {{ order_id }}"
    affected = '["order:" + args.order_id]'


SHOP_TOOLS = (
    LookupCustomerFactory,
    CreateSupportTicketFactory,
    SendEmailFactory,
    RefundFactory,
)


def shop_tools(base_url: str) -> list[dict[str, Any]]:
    """The definitions of all the shop's tools, for a shop at this address."""
    return [dict(made(base_url=base_url)) for made in SHOP_TOOLS]


class ToolVersionFactory(DjangoModelFactory):
    class Meta:
        model = ToolVersion

    tool = factory.SubFactory("tests.factories.tools.ToolFactory", current=False)
    number = 1
    description = "Writes a note."
    input_schema = factory.LazyFunction(lambda: strict(note=TEXT))
    side_effect = SideEffect.WRITE
    retry_class = RetryClass.IDEMPOTENT
    risk = Risk.MEDIUM
    connector = "fake"
    operation = "echo"
    effect = "Write the note {{ note }}"
    definition_sha256 = factory.LazyAttribute(
        lambda made: digest([made.tool.name, made.number, made.input_schema])
    )


class ToolFactory(DjangoModelFactory):
    """A tool with its first version, which `current__risk="high"` and the like shape.

    `current=False` leaves it without one.
    """

    class Meta:
        model = Tool
        skip_postgeneration_save = True

    environment = factory.SubFactory(EnvironmentFactory)
    name = factory.Sequence(lambda n: f"tool_{n}")

    @factory.post_generation
    def current(self: Tool, create: bool, given: Any, **fields: Any) -> None:
        if create and given is not False:
            self.current = given or ToolVersionFactory(tool=self, **fields)
            self.save()


class UpstreamFactory(DjangoModelFactory):
    class Meta:
        model = Upstream

    environment = factory.SubFactory(EnvironmentFactory)
    kind = Upstream.Kind.OPENAPI
    name = factory.Sequence(lambda n: f"upstream-{n}")
    title = "A shop"
    document_sha256 = factory.LazyAttribute(lambda made: digest(made.name))


class PinFactory(DjangoModelFactory):
    """A tool as its upstream describes it; `seen` differs once that has changed."""

    class Meta:
        model = Pin

    upstream = factory.SubFactory(UpstreamFactory)
    key = factory.Sequence(lambda n: f"POST /notes/{n}")
    tool = factory.SubFactory(
        ToolFactory, environment=factory.SelfAttribute("..upstream.environment")
    )
    accepted = factory.LazyAttribute(
        lambda made: {"input_schema": made.tool.current.input_schema, "description": "A note."}
    )
    accepted_sha256 = factory.LazyAttribute(lambda made: digest(made.accepted))
    seen = factory.SelfAttribute("accepted")
    seen_sha256 = factory.SelfAttribute("accepted_sha256")
