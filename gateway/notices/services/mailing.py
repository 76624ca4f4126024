"""Notices by mail, in plain text and HTML: a link that opens a page, and nothing that decides."""

import smtplib
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from gateway.notices.media import Occasion, risk_of
from gateway.notices.models import Notice
from gateway.notices.services.filing import zone_of
from gateway.notices.services.saying import matter_of
from gateway.notices.services.sending import NotSent, Sent
from gateway.notices.wording import Matter, line

LEADS = {Occasion.REMINDED: _("Reminder."), Occasion.ESCALATED: _("Escalated to you.")}
HEADINGS = {
    "low": _("Low risk: {tool} waits for a decision"),
    "medium": _("Medium risk: {tool} waits for a decision"),
    "high": _("High risk: {tool} waits for a decision"),
    "critical": _("Critical risk: {tool} waits for a decision"),
}
MAX_SUBJECT = 150


def mail(notice: Notice) -> Sent:
    """One mail about one action, in its reader's language. Raises NotSent."""
    with translation.override(_language(notice)):
        return _mail(notice)


def _mail(notice: Notice) -> Sent:
    matter = _told(notice)
    lead = str(LEADS.get(Occasion(notice.occasion), ""))
    context: dict[str, Any] = {
        "matters": [matter],
        "lead": lead,
        "preferences_url": _preferences_url(notice),
    }
    # The subject holds nothing that an agent wrote: it is read where a body is not.
    subject = f"[{line(notice.environment.name)}] {lead} {matter.title}"
    return _send(notice, subject, context)


def heading_of(notice: Notice) -> str:
    """Risk and tool, in the reader's language: nothing that an agent wrote."""
    with translation.override(_language(notice)):
        risk, tool = risk_of(notice.action.risk), line(notice.action.tool_name)
        lead = str(LEADS.get(Occasion(notice.occasion), ""))
        return f"{lead} {HEADINGS[risk].format(tool=tool)}".strip()


def digest(notices: list[Notice]) -> Sent:
    """One mail about several actions for the same person. Raises NotSent."""
    if not notices:
        return Sent()
    with translation.override(_language(notices[0])):
        return _digest(notices)


def _digest(notices: list[Notice]) -> Sent:
    first = notices[0]
    matters = [_told(notice) for notice in notices]
    context: dict[str, Any] = {
        "matters": matters, "lead": _counted(matters), "preferences_url": _preferences_url(first),
    }  # fmt: skip
    subject = f"[{line(first.environment.name)}] {_counted(matters)}"
    return _send(first, subject, context)


def _counted(matters: list[Matter]) -> str:
    return ngettext(
        "{count} action waits for your decision",
        "{count} actions wait for your decision",
        len(matters),
    ).format(count=len(matters))


def _told(notice: Notice) -> Matter:
    """What the mail says of one action, in its reader's zone and in the language that is on."""
    assert notice.member is not None
    matter = matter_of(notice.action, zone_of(notice.member, notice.environment.tenant))
    more = gettext("{count} more") if matter.affected else gettext("{count}, named on the desk")
    return replace(
        matter,
        heading=HEADINGS[matter.risk].format(tool=matter.tool),
        others=more.format(count=matter.more),
    )


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


def _language(notice: Notice) -> str:
    assert notice.member is not None
    return notice.member.user.speaks or settings.LANGUAGE_CODE


def _preferences_url(notice: Notice) -> str:
    place = notice.environment
    path = reverse("notices:preferences", args=(place.tenant.slug, place.slug))
    return f"{settings.PUBLIC_URL}{path}"
