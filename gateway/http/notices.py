"""What a service tells in passing: that a call will end, or that another version answered. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from gateway.http.messages import Answer
from gateway.http.paging import links

# RFC 9745, and vendors' own words for it.
DEPRECATION_HEADERS = ("deprecation", "x-shopify-api-deprecated-reason")
# RFC 8594.
SUNSET_HEADER = "sunset"
VERSION = "version"
SELECTED = "-selected"
MAX_CHARACTERS = 200


class NoticeKind(StrEnum):
    """What is told."""

    DEPRECATION = "deprecation"
    SUNSET = "sunset"
    OTHER_VERSION = "other_version"


@dataclass(frozen=True)
class Notice:
    """One thing told about calls of a method; `at` is the moment it is about, where given."""

    kind: NoticeKind
    method: str
    value: str
    at: datetime | None = None
    link: str = ""


def notices(method: str, asked: Mapping[str, str], answer: Answer) -> list[Notice]:
    """What this answer tells about a call that was sent with the headers `asked`."""
    found = []
    where = links(answer)
    for name in DEPRECATION_HEADERS:
        if value := answer.headers.get(name):
            link = where.get("deprecation", "")
            found.append(_notice(NoticeKind.DEPRECATION, method, value, link=link))
    if value := answer.headers.get(SUNSET_HEADER):
        found.append(_notice(NoticeKind.SUNSET, method, value, link=where.get("sunset", "")))
    return [*found, *_other_versions(method, asked, answer)]


def _other_versions(method: str, asked: Mapping[str, str], answer: Answer) -> list[Notice]:
    """Services that do not know the version they were asked for answer with another one."""
    found = []
    for name, wanted in asked.items():
        if not name.lower().endswith(VERSION):
            continue
        name = name.lower()
        got = answer.headers.get(name) or answer.headers.get(name + SELECTED)
        if got and got.strip() != wanted.strip():
            value = f"{name}: asked for {wanted.strip()}, answered with {got.strip()}"
            found.append(_notice(NoticeKind.OTHER_VERSION, method, value))
    return found


def _notice(kind: NoticeKind, method: str, value: str, *, link: str = "") -> Notice:
    short = value.strip()[:MAX_CHARACTERS]
    moment = None if kind == NoticeKind.OTHER_VERSION else _moment(short)
    return Notice(kind, method, short, moment, link[:MAX_CHARACTERS])


def _moment(value: str) -> datetime | None:
    """`@1688169599` as in RFC 9745, or a date as in its drafts and in RFC 8594."""
    try:
        if value.startswith("@"):
            return datetime.fromtimestamp(int(value[1:]), UTC)
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
