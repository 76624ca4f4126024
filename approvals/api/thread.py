"""What people do with an action short of deciding, as it looks outside."""

from rest_framework import serializers

from approvals.models import Comment, Snooze
from approvals.services.commenting import MAX_TEXT
from gateway.lib.rest import StrictFields


class CommentOut(serializers.Serializer[Comment]):
    """One contribution: a person's (`author`) or the agent's (`agent`, unverified)."""

    id = serializers.CharField(source="public_id")
    kind = serializers.ChoiceField(choices=Comment.Kind.choices)
    author = serializers.SerializerMethodField()
    agent = serializers.SerializerMethodField()
    question = serializers.SerializerMethodField()
    text = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_author(self, said: Comment) -> str | None:
        """The person's id."""
        return said.author.public_id if said.author else None

    def get_agent(self, said: Comment) -> str | None:
        """The agent's id, where it answers."""
        return said.agent.public_id if said.agent else None

    def get_question(self, said: Comment) -> str | None:
        """The question that an answer belongs to."""
        return said.question.public_id if said.question else None


class CommentIn(StrictFields):
    """Words for the thread; with `ask` they go to the agent."""

    text = serializers.CharField(max_length=MAX_TEXT)
    ask = serializers.BooleanField(required=False)


class AnswerIn(StrictFields):
    """The agent's answer, to the oldest open question unless one is named."""

    text = serializers.CharField(max_length=MAX_TEXT)
    question = serializers.CharField(max_length=40, required=False)


class AssignIn(StrictFields):
    """Who should decide: `group:slug`, a member's id or address; empty for nobody."""

    to = serializers.CharField(max_length=254, allow_blank=True)


class SnoozeIn(StrictFields):
    """Until when it is hidden from one's own inbox; without it until something changes."""

    until = serializers.DateTimeField(required=False, allow_null=True)


class SnoozeOut(serializers.Serializer[Snooze]):
    """An action that one does not want to see for a while."""

    action = serializers.CharField(source="action.public_id")
    until = serializers.DateTimeField(allow_null=True)
