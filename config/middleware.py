"""What is done to each request before it is answered."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def without_nul(
    answer: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Keeps NUL, which no database takes, out of what is asked and entered: it is taken
    out of an address, and refused in a form, where it is no slip of a person's."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "%00" in request.META.get("QUERY_STRING", ""):
            asked = request.GET.copy()
            for name, values in request.GET.lists():
                asked.setlist(name, [value.replace("\0", "") for value in values])
            request.GET = asked  # type: ignore[assignment]
        if request.content_type in _FORMS and _has_nul(request):
            return HttpResponseBadRequest(
                "The form has a character that cannot be stored (NUL). Enter it anew."
            )
        return answer(request)

    return middleware


def _has_nul(request: HttpRequest) -> bool:
    return any(
        "\0" in text
        for name, values in request.POST.lists()
        for text in (name, *(str(value) for value in values))
    )
