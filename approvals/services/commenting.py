"""What people say about an action, what they ask its agent, and what the agent answers."""

import hashlib

from django.db import IntegrityError, transaction

from approvals.models import Action, Comment
from approvals.services import trail
from approvals.services.locking import attempt, lock, touch
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.tenants.principals import Principal

COMMENT = "approvals.comment_action"
ANSWER = "approvals.answer_action"
MAX_TEXT = 4000
# Bounds what a thread can grow to; answers add at most one for each question.
MAX_OF_PEOPLE = 200


def comment(*, action: Action, by: Principal, text: str, is_question: bool = False) -> Comment:
    """Add a member's words to the thread, or a question that the agent can read and answer.

    Raises Refused for no text, too long a text or a full thread, Denied, and StaleState where an
    agent would be asked about what is not pending any more.
    """
    words = _words(text)
    with attempt(action):
        locked = lock(action)
        if not by.is_member or not by.has(COMMENT):
            raise Denied("not_permitted", "Your roles here do not let you comment.")
        if is_question and locked.status != ActionStatus.PENDING:
            state = locked.get_status_display().lower()
            raise StaleState(f"The action is {state}: its agent is not asked any more.")
        if locked.comments.filter(author__isnull=False).count() >= MAX_OF_PEOPLE:
            raise Refused("thread_full", f"There are {MAX_OF_PEOPLE} comments already: no more.")
        kind = Comment.Kind.QUESTION if is_question else Comment.Kind.COMMENT
        said = Comment.objects.create(action=locked, kind=kind, author=by.user, text=words)
        what = AuditAction.QUESTION_ASKED if is_question else AuditAction.COMMENT_ADDED
        _keep(locked, said, what, by=by)
    return said


def answer(*, action: Action, by: Principal, text: str, question: str = "") -> Comment:
    """Add the agent's answer to one question, by its id or else the oldest that is open.

    Only the action's own agent answers, each question once, while the action is pending. Raises
    Denied, Refused, Conflict `already_answered`, or StaleState.
    """
    words = _words(text)
    with attempt(action):
        locked = lock(action)
        if by.agent_id is None or by.agent_id != locked.agent_id or not by.has(ANSWER):
            raise Denied("not_permitted", "Only the agent that asked for the action answers.")
        if locked.status != ActionStatus.PENDING:
            state = locked.get_status_display().lower()
            raise StaleState(f"The action is {state}: nobody waits for an answer.")
        asked = _asked(locked, question)
        try:
            with transaction.atomic():
                said = Comment.objects.create(
                    action=locked, kind=Comment.Kind.ANSWER, agent=locked.agent, question=asked,
                    text=words,
                )  # fmt: skip
        except IntegrityError as error:
            raise Conflict("already_answered", "This question has its answer already.") from error
        _keep(locked, said, AuditAction.QUESTION_ANSWERED, by=by)
    return said


def _asked(action: Action, question: str) -> Comment:
    questions = action.comments.filter(kind=Comment.Kind.QUESTION)
    rows = questions.public(question) if question else questions.filter(answer=None)
    found: Comment | None = rows.first()
    if found is None:
        raise Refused("unknown_question", "There is no such open question about this action.")
    return found


def _words(text: str) -> str:
    words = text.strip()
    if not words:
        raise Refused("text_missing", "Write something.")
    if len(words) > MAX_TEXT:
        raise Refused("too_long", f"A comment has at most {MAX_TEXT} characters.")
    return words


def _keep(action: Action, said: Comment, what: AuditAction, *, by: Principal) -> None:
    """The record names the comment and proves its text without repeating it."""
    proof = hashlib.sha256(said.text.encode()).hexdigest()
    meta = {"comment": said.public_id, "text_sha256": proof}
    trail.record(action, what, before=action.status, meta=meta, actor=by.actor)
    touch(action)
