"""Send test event: choose a sample, change it if need be, see what the intake answers."""

from typing import Any

from django.http import HttpResponse

from gateway.lib.errors import DomainError
from gateway.lib.html import page, show
from gateway.tenants.principals import of_user
from webhooks import samples, services
from webhooks.forms import SampleForm
from webhooks.models import Source
from webhooks.services import Tested
from webhooks.views.lookup import CHANGE, source_of


@page(CHANGE)
def test(request: Any, source: str) -> HttpResponse:
    """GET shows a sample, POST sends it for real."""
    found = source_of(request, source)
    sample = samples.sample_of(found.scheme, request.GET.get("sample", ""))
    if request.method != "POST":
        form = SampleForm(initial={"body": samples.text_of(sample)})
        return _shown(request, found, sample=sample, form=form)
    form = SampleForm(request.POST)
    if not form.is_valid():
        return _shown(request, found, sample=sample, form=form, status=422)
    try:
        by = of_user(request.user, request.environment)
        tested = services.send_test(found, sample, text=form.cleaned_data["body"], by=by)
    except DomainError as error:
        form.add_error(None, error.detail)
        return _shown(request, found, sample=sample, form=form, status=422)
    return _shown(request, found, sample=sample, form=form, tested=tested)


def _shown(
    request: Any,
    source: Source,
    *,
    sample: samples.Sample,
    form: SampleForm,
    tested: Tested | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "source": source,
        "samples": samples.samples_of(source.scheme),
        "sample": sample,
        "form": form,
        "tested": tested,
    }
    return show(
        request,
        "webhooks/test.html",
        fragment="webhooks/_test.html",
        context=context,
        status=status,
    )
