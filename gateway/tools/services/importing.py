"""Importing tools from a document, and comparing it with what was accepted before."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.canonical import digest
from audit.context import Target
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment
from gateway.tools import documents, drafts
from gateway.tools.drafts import Draft
from gateway.tools.foreign import Unfit
from gateway.tools.models import Pin, Tool, Upstream
from gateway.tools.services.defining import complete, save
from gateway.tools.services.judging import check

NEW, SAME, CHANGED, GONE, TAKEN, UNFIT = "new", "same", "changed", "gone", "taken", "unfit"


@dataclass(frozen=True)
class Found:
    """One operation of a document, and how it stands to the tools there are."""

    key: str
    name: str
    state: str
    draft: Draft | None = None
    tool: Tool | None = None
    problem: str = ""


@dataclass(frozen=True)
class Reading:
    """A document that was read; nothing of it is stored yet."""

    kind: str
    name: str
    title: str
    sha256: str
    found: list[Found]


def read_document(
    environment: Environment, *, kind: str, name: str, document: str, server: str = ""
) -> Reading:
    """What the document would make of tools here, without making it. Raises Refused."""
    try:
        parsed = documents.read(document)
        is_openapi = kind == Upstream.Kind.OPENAPI
        made = (
            drafts.from_openapi(parsed, server=server)
            if is_openapi
            else drafts.from_mcp(parsed, server=server)
        )
    except (documents.Unreadable, Unfit) as error:
        raise Refused("document_invalid", str(error)) from error
    upstream = Upstream.objects.within(environment).filter(name=name).first()
    if upstream and upstream.kind != kind:
        raise Refused("name_in_use", f"{name} is the name of an upstream of another kind.")
    pins = {pin.key: pin for pin in upstream.pins.select_related("tool")} if upstream else {}
    taken = set(Tool.objects.within(environment).values_list("name", flat=True))
    found = [_stands(environment, name, draft, pins.pop(draft.key, None), taken) for draft in made]
    gone = [Found(key, pin.tool.name, GONE, tool=pin.tool) for key, pin in pins.items()]
    info = parsed.get("info")
    title = str(info.get("title", "")) if isinstance(info, dict) else ""
    return Reading(kind, name, title[:200], digest(document), [*found, *gone])


def import_tools(
    environment: Environment,
    *,
    kind: str,
    name: str,
    document: str,
    server: str = "",
    operations: list[str] | None = None,
) -> Reading:
    """Make disabled tools of the named operations (all, if none are named), each pinned by a hash.

    What was imported before and is described otherwise now is only marked: it waits for an
    administrator. Raises Refused.
    """
    reading = read_document(environment, kind=kind, name=name, document=document, server=server)
    known = {item.key for item in reading.found}
    if unknown := sorted(set(operations or ()) - known):
        raise Refused("unknown_operation", f"The document has no {', '.join(unknown)[:200]}.")
    with transaction.atomic():
        upstream, _ = Upstream.objects.update_or_create(
            environment=environment,
            name=name,
            defaults={
                "kind": kind, "title": reading.title, "document_sha256": reading.sha256,
                "imported_at": timezone.now(),
            },
        )  # fmt: skip
        wanted = None if operations is None else set(operations)
        made = [_take(upstream, item, wanted) for item in reading.found]
        states = [item.state for item in reading.found]
        audit.record(
            AuditAction.UPSTREAM_IMPORTED,
            target=Target("upstream", upstream.public_id),
            scope=environment.audit_scope,
            payload_sha256=reading.sha256,
            meta={state: states.count(state) for state in sorted(set(states))},
        )
    return Reading(kind, name, reading.title, reading.sha256, made)


def _stands(
    environment: Environment, upstream: str, draft: Draft, pin: Pin | None, taken: set[str]
) -> Found:
    name = f"{upstream}.{draft.name}"[:80]
    if pin is not None:
        if draft.problem:
            return Found(draft.key, pin.tool.name, CHANGED, draft, pin.tool, draft.problem)
        state = SAME if draft.sha256 == pin.accepted_sha256 else CHANGED
        return Found(draft.key, pin.tool.name, state, draft, pin.tool)
    problem = draft.problem or _problem(environment, draft)
    if problem:
        return Found(draft.key, name, UNFIT, draft, problem=problem)
    if name in taken:
        return Found(draft.key, name, TAKEN, draft, problem="There is a tool of this name.")
    return Found(draft.key, name, NEW, draft)


def _problem(environment: Environment, draft: Draft) -> str:
    try:
        check(environment, complete(draft.definition), is_draft=True)
    except Refused as error:
        return error.detail
    return ""


def _take(upstream: Upstream, item: Found, wanted: set[str] | None) -> Found:
    if item.tool is not None:
        _compare(item)
        return item
    if item.state != NEW or item.draft is None or (wanted is not None and item.key not in wanted):
        return item
    tool = save(
        upstream.environment, name=item.name, enabled=False, is_draft=True, **item.draft.definition
    )
    Pin.objects.create(
        upstream=upstream, key=item.key, tool=tool, accepted=item.draft.described,
        accepted_sha256=item.draft.sha256, seen=item.draft.described,
        seen_sha256=item.draft.sha256,
    )  # fmt: skip
    return Found(item.key, item.name, NEW, item.draft, tool)


def _compare(item: Found) -> None:
    """Mark a tool that is described otherwise than was accepted, once for each other description.

    One that was refused stays refused; one that is described as accepted again is in order again.
    """
    pin = Pin.objects.select_for_update(of=("self",)).select_related("tool").get(tool=item.tool)
    tool = Tool.objects.select_for_update(of=("self",)).get(pk=pin.tool_id)
    described = item.draft.described if item.draft and item.draft.definition else None
    sha256 = item.draft.sha256 if item.draft else ""
    is_news = sha256 != pin.seen_sha256
    pin.seen, pin.seen_sha256 = described, sha256
    pin.save(update_fields=["seen", "seen_sha256"])
    if sha256 == pin.accepted_sha256 and tool.drifted_at is not None:
        _mark(tool, None, pin)
    elif is_news and sha256 != pin.accepted_sha256:
        _mark(tool, timezone.now(), pin)


def _mark(tool: Tool, since: Any, pin: Pin) -> None:
    was, tool.drifted_at = tool.drifted_at, since
    tool.save(update_fields=["drifted_at"])
    audit.record(
        AuditAction.TOOL_DRIFTED,
        target=Target("tool", tool.public_id),
        scope=tool.environment.audit_scope,
        changes={"drifted": [was is not None, since is not None]},
        meta={"accepted_sha256": pin.accepted_sha256, "seen_sha256": pin.seen_sha256},
    )
