"""A tenant as a file out of and into the admin, and settings copied between tenants.

The shape of the file is `connector.transfer.exporting`'s, its strictness
`connector.transfer.importing`'s.
"""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import ObjectDoesNotExist
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from audit.models import Entry
from audit.recording import record
from connector.admin.page import list_page, render_page, row_page
from connector.history import mark
from connector.models import Tenant
from connector.transfer.asking import refuse_other_business
from connector.transfer.copying import Replacement, copy, replacements
from connector.transfer.exporting import export_tenant
from connector.transfer.importing import ImportRefusedError, import_tenant
from connector.transfer.reading import parse_file

MOST_BYTES = 256 * 1024
_MOST_PROBLEMS = 50
# Both together are what a file or a copy may change.
_SETTINGS = ("transactionsettings", "fieldmapping")
_CONNECTIONS = ("pexconnection", "cmicconnection")


class FileForm(forms.Form):
    file = forms.FileField(
        label="File",
        widget=UnfoldAdminFileFieldWidget,
        help_text="JSON as Export writes it, at most 256 KB. What is "
        "stored of secrets stays; others are entered under Manage credentials.",
    )

    def clean_file(self) -> Any:
        """What the file says, parsed."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(
                f"The file has {file.size:,} bytes; a tenant has at most "
                f"{MOST_BYTES:,}. Choose the file that Export wrote."
            )
        try:
            return parse_file(file.read())
        except ValueError as error:
            raise forms.ValidationError(
                f"The file {error} Choose the file that Export wrote."
            ) from error


class SourceForm(forms.Form):
    """Which tenant to copy from, of those that the person may see."""

    source = forms.ModelChoiceField(
        queryset=Tenant.objects.none(),
        label="Copy from",
        widget=UnfoldAdminSelectWidget,
        error_messages={"invalid_choice": "Choose one of the tenants in the list."},
    )

    def __init__(self, request: HttpRequest, target: Tenant) -> None:
        super().__init__(request.GET or None)
        source: Any = self.fields["source"]
        others = Tenant.objects.visible_to(request.user).exclude(pk=target.pk)
        source.queryset = others


def may_copy(request: HttpRequest) -> bool:
    return _may(request, "change", ("tenant", *_SETTINGS))


def may_import(request: HttpRequest) -> bool:
    parts = ("tenant", *_SETTINGS, *_CONNECTIONS)
    return all(_may(request, verb, parts) for verb in ("add", "change"))


def _may(request: HttpRequest, verb: str, parts: tuple[str, ...]) -> bool:
    return request.user.has_perms([f"connector.{verb}_{part}" for part in parts])


@action(description="Export", url_path="export", permissions=["view"])
@row_page("view")
def export_file(
    admin: ModelAdmin[Tenant], request: HttpRequest, tenant: Tenant
) -> HttpResponse:
    try:
        data = export_tenant(tenant)
    except ObjectDoesNotExist:
        missing = " ".join(tenant.missing_settings())
        messages.error(request, f"{tenant} cannot be exported yet: {missing}")
        return HttpResponseRedirect(_page(tenant))
    record(Entry.Kind.EXPORT, f"{tenant} was exported as JSON.", tenant=tenant)
    return HttpResponse(
        json.dumps(data, indent=2, ensure_ascii=False) + "\n",
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{tenant.slug}.json"'},
    )


@action(description="Import", url_path="import", permissions=["import"])
@list_page("import")
def import_file(admin: ModelAdmin[Tenant], request: HttpRequest) -> HttpResponse:
    form = FileForm(request.POST or None, request.FILES or None)
    problems: list[tuple[str, str]] = []
    if request.method == "POST" and form.is_valid():
        try:
            return _import(admin, request, form.cleaned_data["file"])
        except ImportRefusedError as error:
            problems = error.problems
    return render_page(
        admin,
        request,
        "admin/connector/import.html",
        "Import a tenant",
        form=form,
        problems=problems[:_MOST_PROBLEMS],
        more_problems=max(0, len(problems) - _MOST_PROBLEMS),
    )


def _import(admin: ModelAdmin[Tenant], request: HttpRequest, data: Any) -> HttpResponse:
    """Raises `ImportRefusedError`; a tenant that is not seen is as one that is
    not there."""
    slug = data.get("slug") if isinstance(data, dict) else None
    if isinstance(slug, str) and not admin.has_add_permission(request):
        seen = Tenant.objects.visible_to(request.user)
        if not seen.filter(slug=slug.strip()).exists():
            sentence = "You have no tenant of this slug, and may not add one."
            raise ImportRefusedError([("slug", sentence)])
    refuse_other_business(data, None)
    with transaction.atomic():
        tenant, is_new = import_tenant(data, None)
        if is_new:
            admin.log_addition(request, tenant, "Added from a file.")
        else:
            admin.log_change(request, tenant, "Changed from a file.")
    done = "added" if is_new else "changed"
    messages.success(request, f"{tenant} was {done} from the file.")
    return HttpResponseRedirect(_page(tenant))


@action(
    description="Copy settings from another tenant",
    url_path="copy",
    permissions=["copy"],
)
@row_page("copy")
def copy_settings(
    admin: ModelAdmin[Tenant], request: HttpRequest, target: Tenant
) -> HttpResponse:
    form = SourceForm(request, target)
    source = form.cleaned_data["source"] if form.is_valid() else None
    problems: list[tuple[str, str]] = []
    if source is not None and request.method == "POST":
        try:
            if _copy(admin, request, source, target):
                return HttpResponseRedirect(_page(target))
        except ImportRefusedError as error:
            problems = error.problems
    found = replacements(source, target) if source else []
    return render_page(
        admin,
        request,
        "admin/connector/copy.html",
        f"Copy settings to {target}",
        original=target,
        tenant=target,
        source=source,
        form=form,
        rows=_rows(request, found, problems),
        other_problems=[
            f"{path}: {sentence}"
            for path, sentence in problems
            if not any(_is_at(path, each) for each in found)
        ],
        seen=_seen(source, target) if source else "",
    )


def _copy(
    admin: ModelAdmin[Tenant], request: HttpRequest, source: Tenant, target: Tenant
) -> bool:
    """False where the page must be looked at again; raises as `copy` does."""
    known = {each.path for each in replacements(source, target)}
    chosen = known.intersection(request.POST.getlist("path"))
    if not chosen:
        messages.error(request, "Tick what to copy.")
        return False
    with transaction.atomic():
        Tenant.objects.select_for_update(no_key=True).get(pk=target.pk)
        if request.POST.get("seen") != _seen(source, target):
            messages.error(
                request,
                "One of the two was changed meanwhile, so nothing was copied. "
                "Look at the differences as they are now.",
            )
            return False
        copy(source, target, chosen)
        # Not whose they were: a reader of the history may not see that tenant.
        admin.log_change(request, target, "Copied settings from another tenant.")
    messages.success(request, f"Settings of {source} were copied to {target}.")
    return True


def _rows(
    request: HttpRequest, found: list[Replacement], problems: list[tuple[str, str]]
) -> list[dict[str, Any]]:
    """What the page lists; codes of CMiC are left to be ticked by a person."""
    chosen = request.POST.getlist("path") if request.method == "POST" else None
    return [
        {
            "each": each,
            "is_chosen": each.path in chosen
            if chosen is not None
            else not each.is_code,
            "problem": " ".join(
                sentence for path, sentence in problems if _is_at(path, each)
            ),
        }
        for each in found
    ]


def _is_at(path: str, each: Replacement) -> bool:
    return path == each.path or path.startswith(f"{each.path}.")


def _seen(source: Tenant, target: Tenant) -> str:
    return f"{mark(source)}-{mark(target)}"


def _page(tenant: Tenant) -> str:
    return reverse("admin:connector_tenant_change", args=[tenant.pk])
