"""Notices by mail, in plain text and HTML: a link that opens a page, and nothing that decides."""

import smtplib
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from gateway.notices.media import Occasion
from gateway.notices.models import Notice
from gateway.notices.services.filing import zone_of
from gateway.notices.services.saying import matter_of
from gateway.notices.services.sending import NotSent, Sent
from gateway.notices.wording import Matter, line

LEADS = {Occasion.REMINDED: "Reminder.", Occasion.ESCALATED: "Escalated to you."}
MAX_SUBJECT = 150


def mail(notice: Notice) -> Sent:
    """One mail about one action. Raises NotSent."""
    zone = _zone(notice)
    matter = matter_of(notice.action, zone)
    lead = LEADS.get(Occasion(notice.occasion), "")
    context: dict[str, Any] = {
        "matters": [matter],
        "lead": lead,
        "preferences_url": _preferences_url(notice),
    }
    # The subject holds nothing that an agent wrote: it is read where a body is not.
    subject = f"[{line(notice.environment.name)}] {lead} {matter.title}"
    return _send(notice, subject, context)


def digest(notices: list[Notice]) -> Sent:
    """One mail about several actions for the same person. Raises NotSent."""
    if not notices:
        return Sent()
    first, zone = notices[0], _zone(notices[0])
    matters = [matter_of(notice.action, zone) for notice in notices]
    context: dict[str, Any] = {
        "matters": matters, "lead": _counted(matters), "preferences_url": _preferences_url(first),
    }  # fmt: skip
    subject = f"[{line(first.environment.name)}] {_counted(matters)}"
    return _send(first, subject, context)


def _counted(matters: list[Matter]) -> str:
    one = len(matters) == 1
    return f"{len(matters)} {'action waits' if one else 'actions wait'} for your decision"


def _send(notice: Notice, subject: str, context: dict[str, Any]) -> Sent:
    assert notice.member is not None
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split())[:MAX_SUBJECT],
        body=render_to_string("notices/mail.txt", context),
        to=[notice.member.user.email],
        headers={
            # The same on every try, so that a mailbox can tell a repeated mail.
            "Message-ID": f"<{notice.public_id}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2]}",
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(render_to_string("notices/mail.html", context), "text/html")
    try:
        count = message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise NotSent(
            "recipient_refused", f"The mail server refused the address ({codes}).",
            is_final=all(code >= 500 for code in codes),
        ) from error  # fmt: skip
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent("mail_server", f"The mail server: {type(error).__name__}.") from error
    if count != 1:
        raise NotSent("no_mail", "No mail was sent: COUNTERSIGN_EMAIL_URL is not set.")
    return Sent()


def _zone(notice: Notice) -> ZoneInfo:
    assert notice.member is not None
    return zone_of(notice.member, notice.environment.tenant)


def _preferences_url(notice: Notice) -> str:
    place = notice.environment
    path = reverse("notices:preferences", args=(place.tenant.slug, place.slug))
    return f"{settings.PUBLIC_URL}{path}"
