"""A form field that takes JSON with exactly one meaning."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.lib.strictjson import Ambiguous, parse

WORDS = {
    "not_json": _("is not JSON"),
    "duplicate_key": _("names a key twice"),
    "not_a_number": _("holds a number that is none"),
    "number_precision": _("holds a number that would not stay exact"),
    "lone_surrogate": _("holds half a character"),
    "nul": _("holds a NUL character"),
    "too_deep": _("is nested too deep"),
    "too_large": _("is too large"),
}


def read(text: str) -> Any:
    """The value of the text; raises forms.ValidationError that says what is wrong, and where."""
    try:
        return parse(text)
    except Ambiguous as error:
        place = gettext(" at {path}").format(path=error.path) if error.path else ""
        raise forms.ValidationError(
            gettext("This {get}{place}.").format(
                get=WORDS.get(error.reason, error.reason), place=place
            )
        ) from (error)


def written(value: Any) -> str:
    """The value as text to edit: what the eye would miss stands as an escape."""
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=True)


class JsonObjectField(forms.CharField):
    """An object; an empty field is None."""

    def __init__(self, *, rows: int = 8, **options: Any) -> None:
        options.setdefault("required", False)
        area = forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "class": "cs-code"})
        super().__init__(widget=area, strip=False, max_length=100_000, **options)

    def clean(self, value: Any) -> dict[str, Any] | None:
        """The object; raises forms.ValidationError."""
        text = super().clean(value)
        if not text.strip():
            return None
        found = read(text)
        if not isinstance(found, dict):
            raise forms.ValidationError(gettext("A JSON object is needed, such as {}."))
        return found
