"""Forms of the events and sources pages."""

from webhooks.forms.bulk import BulkForm
from webhooks.forms.filters import DebugForm, EventFilter, SourceFilter
from webhooks.forms.sample import SampleForm
from webhooks.forms.scheme import SchemeForm, TrialForm
from webhooks.forms.secret import RotateForm, SecretForm
from webhooks.forms.source import ChangeForm, SourceForm

__all__ = [
    "BulkForm",
    "ChangeForm",
    "DebugForm",
    "EventFilter",
    "RotateForm",
    "SampleForm",
    "SchemeForm",
    "SecretForm",
    "SourceFilter",
    "SourceForm",
    "TrialForm",
]
