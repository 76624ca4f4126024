"""What every page needs: icons, badges, times, and text that cannot hide anything."""

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.http import QueryDict
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from audit.canonical import canonical
from gateway.desk import looks, payload
from gateway.desk.frame import Frame, frame_of
from gateway.lib.visible import Span
from gateway.lib.visible import reveal as spans_of

register = template.Library()
SPRITE = "img/icons.svg"
TITLE_LENGTH = 140
CHIP = '<span class="cs-uni" data-char="{}" title="{}">{}</span>'
# Day, short month, year, clock and zone.
FULL = "j M Y, H:i:s T"
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str) -> SafeString:
    """An icon of the sprite; decoration only, the word beside it speaks."""
    mark = '<svg class="icon" aria-hidden="true"><use href="{}#i-{}"></use></svg>'
    return format_html(mark, static(SPRITE), name)


@register.simple_tag(takes_context=True)
def frame(context: template.Context) -> Frame | None:
    """The frame around a page of an environment; None on pages outside one."""
    return frame_of(context["request"])


@register.simple_tag(takes_context=True)
def here(context: template.Context, name: str, **parts: str) -> str:
    """The address of a page in the environment of this page."""
    place = context["request"].environment
    return reverse(name, kwargs={"tenant": place.tenant.slug, "environment": place.slug, **parts})


@register.inclusion_tag("_status.html")
def state(status: str, note: str = "") -> dict[str, Any]:
    """The badge of a status."""
    return {"look": looks.state_look(status), "note": note}


@register.inclusion_tag("_status.html")
def refusal(reason: str) -> dict[str, Any]:
    """The badge of a reason of refusal."""
    return {"look": looks.refusal_look(reason), "note": ""}


@register.simple_tag
def risk(level: str) -> SafeString:
    """The chip of a risk: bars, word and colour."""
    return _risk(level, get_language())


@lru_cache(maxsize=64)
def _risk(level: str, language: str | None) -> SafeString:
    # Four of them in each language, and a list shows one on each row.
    rows = [(3 * at, 9 - 3 * at, 3 + 3 * at, lit) for at, lit in enumerate(looks.bars(level))]
    return render_to_string(
        "_risk.html", {"level": level, "rows": rows, "word": looks.plain(level)}
    )


@register.filter
def control(field: BoundField) -> SafeString:
    """A form field with the class that its kind of control has."""
    kind = field.widget_type
    name = {"checkbox": "form-check-input", "select": "form-select"}.get(kind, "form-control")
    name += " is-invalid" if field.errors else ""
    return field.as_widget(attrs={"class": name})


@register.filter
def plain(name: str) -> str:
    """A code as words."""
    return looks.plain(str(name))


@register.filter
def reveal(text: object) -> SafeString:
    """Text from outside, inert, with a chip for every character that the eye would miss."""
    return _marked(spans_of(str(text)))


@register.filter
def inert(text: object) -> str:
    """The same without markup, for a page's title: hidden characters as bracketed code points."""
    parts = spans_of(str(text))
    return "".join(
        "".join(f"[{code(c)}]" for c in part.text) if part.kind == "hidden" else part.text
        for part in parts
    )


@register.inclusion_tag("_payload.html")
def payload_lines(text: str, label: str, alone: bool = True) -> dict[str, Any]:
    """A payload in full, numbered, nothing folded and nothing cut."""
    layout = "json" if payload.is_compact_json(text) else "text"
    # Joined here and not in the template: a payload may have ten thousand lines.
    body = mark_safe("".join(map(_payload_line, payload.lines(text))))  # noqa: S308 - escaped parts
    return {"body": body, "label": label, "alone": alone, "layout": layout}


def _payload_line(line: payload.Line) -> str:
    key = f'<span class="k">{_marked(line.key)}</span>' if line.key else ""
    hit = ' class="hit"' if line.is_hit else ""
    return f"<span{hit}>{key}{_marked(line.rest)}</span>"


@register.filter
def first_line(text: str) -> str:
    """The first line of a longer text."""
    return str(text).strip().split("\n")[0][:TITLE_LENGTH]


@register.filter
def as_json(value: Any) -> str:
    """A value as canonical JSON text, so that it reads the same everywhere."""
    try:
        return canonical(value).decode()
    except ValueError:
        return json.dumps(value, ensure_ascii=False, default=str)


@register.filter
def brief(value: object) -> SafeString:
    """A value in one line: text as it is, everything else as JSON; hidden characters shown."""
    return reveal(value if isinstance(value, str) else as_json(value))


@register.simple_tag
def moment(when: datetime | None, style: str = "both") -> SafeString:
    """A time in the tenant's zone: `both` date and time, `clock` the time, `ago` how long since."""
    if when is None:
        return mark_safe("")  # noqa: S308 - a constant
    local = timezone.localtime(when)
    full = date_format(local, FULL)
    if style == "ago":
        mark = '<time datetime="{}" title="{}" data-ago="">{}</time>'
        return format_html(mark, when.isoformat(), full, rough(timezone.now() - when))
    text = f"{local:%H:%M:%S}" if style == "clock" else full
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), full, text)


@register.filter
def span(length: timedelta | None) -> str:
    """A length of time in its two largest units: `1 h 56 min`; below ten seconds with tenths."""
    if length is None:
        return ""
    seconds = max(0.0, length.total_seconds())
    if 0 < seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds:.2f} s"
    parts: list[str] = []
    rest = int(seconds)
    for size, unit in UNITS:
        count, rest = divmod(rest, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def rough(length: timedelta) -> str:
    """A length of time as the page's clocks go on to show it: no seconds beyond a minute."""
    minutes = int(max(length.total_seconds(), 0)) // 60
    return span(
        timedelta(minutes=minutes)
        if minutes
        else timedelta(seconds=int(max(length.total_seconds(), 0)))
    )


@register.inclusion_tag("_countdown.html")
def countdown(since: datetime, until: datetime | None, suffix: str = "") -> dict[str, Any]:
    """What is left until a deadline, as a ring and in words."""
    if until is None:
        return {"until": None}
    now = timezone.now()
    whole = max((until - since).total_seconds(), 1)
    left = max((until - now).total_seconds(), 0)
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "share": round(100 * left / whole),
        "left": rough(until - now) if left else gettext("time is over"),
        "suffix": suffix if left else "",
        "is_soon": left < min(900, whole / 5),
    }


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The page's query with some values changed; an empty value takes the parameter out."""
    params: QueryDict = context["request"].GET.copy()
    for name in ("page", *(n for n, value in changes.items() if value in ("", None))):
        params.pop(name, None)
    for name, value in changes.items():
        if value not in ("", None):
            params[name] = value
    return f"?{params.urlencode()}" if params else "?"


def _marked(spans: tuple[Span, ...]) -> SafeString:
    if len(spans) == 1 and spans[0].kind == "text":
        return escape(spans[0].text)
    return format_html_join("", "{}", ((_mark(span),) for span in spans))


def _mark(part: Span) -> SafeString | str:
    if part.kind == "hidden":
        return format_html_join("", CHIP, ((code(c), part.name, code(c)) for c in part.text))
    if part.kind == "confusable":
        mark = '<span class="cs-conf" title="{} {}">{}</span>'
        return format_html(mark, part.label, part.name, part.text)
    return part.text


def code(character: str) -> str:
    """A character's code point, as the chip shows it."""
    return f"U+{ord(character):04X}"
