"""Every fact that a rule can ask for, with its type: what `docs/policies.md` prints (pure)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact by the name that rules use; a test holds the list against what rules are handed."""

    name: str
    type: str
    meaning: str


FACTS = (
    Fact("args", "map", "the arguments in their canonical form, as they will be sent"),
    Fact("tool.name", "string", "the tool"),
    Fact("tool.side_effect", "string", "`read`, `write` or `destructive`"),
    Fact("tool.retry_class", "string", "`safe`, `idempotent` or `unsafe`"),
    Fact("tool.risk", "string", "`low`, `medium`, `high` or `critical`"),
    Fact("tool.connector", "string", "the kind of service, such as `http`"),
    Fact("tool.operation", "string", "the connector's operation"),
    Fact("tool.version", "int", "the number of the definition"),
    Fact("tool.region", "string", "where the connection's service is; empty where nobody said"),
    Fact("agent.id", "string", "`agt_…`"),
    Fact("agent.slug", "string", "the agent's short name"),
    Fact("agent.name", "string", "the agent's name"),
    Fact("agent.version", "int", "raised when the agent is changed"),
    Fact("agent.owner", "string", "the owning member, `mem_…`; empty without one"),
    Fact("agent.caps", "map", "the agent's caps, such as `max_tool_calls`"),
    Fact("run", "map", "empty for a call without a run: ask `has(run.id)` first"),
    Fact("run.id", "string", "`run_…`"),
    Fact("run.task", "string", "the task as it was given"),
    Fact("run.origin", "string", "`api`, `route` or `provider`"),
    Fact("run.status", "string", "the run's state"),
    Fact("run.tags", "map", "such as `user_id`, `project_id`"),
    Fact("run.constraints", "map", "as they were given at the start"),
    Fact("run.calls", "int", "tool calls so far, without this one"),
    Fact("run.steps", "int", "steps as the provider reported them"),
    Fact("run.tokens", "int", "tokens in and out, as reported"),
    Fact("run.cost_micro_usd", "int", "cost in millionths of a US dollar, as reported"),
    Fact("run.elapsed_s", "int", "seconds since the run began"),
    Fact("env.tenant", "string", "the tenant's slug"),
    Fact("env.slug", "string", "the environment's slug"),
    Fact("env.kind", "string", "`sandbox` or `production`"),
    Fact("env.region", "string", "the environment's label, such as `eu`; may be empty"),
    Fact("time.now", "string", "the moment in UTC, RFC 3339: `timestamp(time.now)`"),
    Fact("time.zone", "string", "the tenant's time zone; all below is as its clocks show it"),
    Fact("time.date", "string", "`2026-11-22`"),
    Fact("time.year", "int", ""),
    Fact("time.month", "int", "1 to 12"),
    Fact("time.day", "int", "1 to 31"),
    Fact("time.hour", "int", "0 to 23"),
    Fact("time.minute", "int", "0 to 59"),
    Fact("time.weekday", "int", "1 is Monday, 7 Sunday"),
    Fact("time.is_weekend", "bool", "Saturday or Sunday"),
    Fact("event", "map", "empty for a call that no event led to: ask `has(event.id)` first"),
    Fact("event.id", "string", "the event's id, as its sender gave it"),
    Fact("event.type", "string", "the event's type"),
    Fact("event.source", "string", "the slug of the source"),
    Fact("event.received_at", "string", "RFC 3339"),
    Fact("event.sent_at", "string", "RFC 3339; empty where the sender signs none"),
    Fact("event.delivery", "string", "`evt_…` of the delivery that it came in"),
    Fact(
        "budget",
        "map",
        "how the budgets stand that the call falls under, by name: "
        "`limit used reserved remaining` (ints), `ratio` of taken to limit",
    ),
    Fact("history.calls_1h", "int", "calls of this tool by this agent in the last hour"),
    Fact("history.calls_24h", "int", "the same in the last 24 hours"),
    Fact("history.succeeded_24h", "int", "of these, those that succeeded"),
    Fact("history.refused_24h", "int", "of these, those that were rejected or denied"),
    Fact("history.same_target_24h", "int", "of these, those with the same target"),
    Fact(
        "history.is_first_use",
        "bool",
        "no call of this tool by this agent was let through before",
    ),
    Fact("affected", "list", "`{kind, id}` of whom the tool's `affected` and its preview name"),
    Fact("sensitive.count", "int", "fields of arguments and preview that hold something sensitive"),
    Fact("sensitive.kinds", "list", "`card_number iban email phone private_key token list:NAME`"),
    Fact("sensitive.paths", "list", "`{path, kind}`, the first hundred; never a value"),
    Fact("sensitive.preview", "string", "`read`, `none`, or `unread` where it could not be read"),
)


def as_markdown() -> str:
    """The table, as the documentation prints it."""
    rows = [f"| `{fact.name}` | {fact.type} | {fact.meaning} |" for fact in FACTS]
    return "\n".join(["| fact | type | meaning |", "| --- | --- | --- |", *rows]) + "\n"
