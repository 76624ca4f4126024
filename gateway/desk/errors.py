"""Error pages: what failed, what to do next, the id to quote. `/api` answers problem details."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.utils.translation import gettext

from audit.context import correlation_id
from gateway.lib.html import is_fragment
from gateway.lib.problems import problem_response

API = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request itself is broken."""
    return _answer(
        request, 400, gettext("This request could not be read"), gettext("Go back and try again.")
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: signed in, but without the permission that is named."""
    permission = str(exception)
    detail = gettext("Your role here does not allow this.")
    if "." in permission and " " not in permission:
        detail = gettext("Your role here does not allow this: it needs {permission}.").format(
            permission=permission
        )
    hint = gettext("An administrator of your organisation can give you a role that does.")
    return _answer(request, 403, gettext("Not allowed"), detail, hint=hint)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form does not belong to this session, as after signing in again in another tab."""
    hint = gettext("Open the page again, look at it as it is now, and press the button once more.")
    detail = gettext(
        "Nothing was decided or changed. The form was made before you signed in last, or did not "
        "come from here."
    )
    return _answer(request, 403, gettext("This page is out of date"), detail, hint=hint)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: not there, or not yours to see; both look alike."""
    hint = gettext(
        "It may belong to another environment: check the address and the environment switch."
    )
    return _answer(
        request,
        404,
        gettext("Nothing here"),
        gettext("There is no such page, or not for you."),
        hint=hint,
    )


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """429: too many attempts, such as wrong passwords, from one place or at one account."""
    hint = gettext("Wait a few minutes, then try again. Nobody is locked out for longer than that.")
    return _answer(
        request,
        429,
        gettext("Too many attempts"),
        gettext("This was tried too often just now."),
        hint=hint,
    )


def broken(request: HttpRequest) -> HttpResponse:
    """500: our fault. The page needs neither the database nor the session."""
    if request.path.startswith(API):
        return problem_response(
            500, "internal_error", gettext("Something broke here. It is logged.")
        )
    text = loader.render_to_string("500.html", {"request_id": correlation_id()})
    return HttpResponse(text, status=500)


def _answer(
    request: HttpRequest, status: int, title: str, detail: str, *, hint: str = ""
) -> HttpResponse:
    if request.path.startswith(API):
        return problem_response(status, title.lower().replace(" ", "_"), detail)
    context = {
        "status": status,
        "title": title,
        "detail": detail,
        "hint": hint,
        "request_id": correlation_id(),
    }
    if not is_fragment(request):
        return render(request, "error.html", context, status=status)
    # Beside what was there: an error page inside of an action would hide the action.
    answer = render(request, "_error_note.html", context, status=status)
    answer["HX-Retarget"], answer["HX-Reswap"] = "#messages", "innerHTML"
    return answer
