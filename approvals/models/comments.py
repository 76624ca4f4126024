"""What people and agents say to each other about an action."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from approvals.models.actions import Action
from gateway.agents.models import Agent
from gateway.lib.rows import Row
from gateway.tenants.models import User


class Comment(Row):
    """One contribution; nothing edits or deletes it. An agent's words are data, never orders."""

    PREFIX: ClassVar[str] = "cmt"

    class Kind(models.TextChoices):
        COMMENT = "comment", _("Comment")
        QUESTION = "question", _("Question to the agent")
        ANSWER = "answer", _("The agent's answer")

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="comments")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.COMMENT)
    author = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    question = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="answer"
    )
    text = models.TextField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="comment_author",
                condition=models.Q(author__isnull=False, agent__isnull=True)
                | models.Q(author__isnull=True, agent__isnull=False, kind="answer"),
            ),
            models.CheckConstraint(
                name="comment_answer_has_question",
                condition=models.Q(kind="answer", question__isnull=False)
                | (~models.Q(kind="answer") & models.Q(question__isnull=True)),
            ),
        ]

    @property
    def is_question(self) -> bool:
        """Whether the agent is asked."""
        return self.kind == self.Kind.QUESTION

    @property
    def is_answer(self) -> bool:
        """Whether the agent says it."""
        return self.kind == self.Kind.ANSWER
