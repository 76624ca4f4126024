"""In which language a request is answered."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from gateway.tenants.models import User

# Machines read what comes from here, and logs keep it: the same words whoever asks.
ENGLISH = "en"
OF_MACHINES = ("/api/", "/mcp")


class LanguageMiddleware:
    """Pages in the language that the person chose, else in the browser's; machines get English."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = chosen_language(request)
        with translation.override(chosen or translation.get_language_from_request(request)):
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language() or ENGLISH)
        if not chosen:
            patch_vary_headers(response, ("Accept-Language",))
        return response


def chosen_language(request: HttpRequest) -> str:
    """The language that the browser has no say in; empty where it has."""
    if request.path.startswith(OF_MACHINES):
        return ENGLISH
    return request.user.speaks if isinstance(request.user, User) else ""
