"""*Stop* on the page of a run: a question, then a POST. Who may execute may stop."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from connector.admin.page import person, render_page, row_page
from sync.engine.run.ending import stop
from sync.models import SyncRun


@action(description="Stop", url_path="stop", permissions=["stop"], icon="stop")
@row_page("stop")
def stop_run(
    admin: ModelAdmin[SyncRun], request: HttpRequest, run: SyncRun
) -> HttpResponse:
    page = reverse("admin:sync_syncrun_change", args=[run.pk])
    if request.method != "POST":
        return render_page(
            admin,
            request,
            "admin/sync/stop.html",
            f"Stop {run}?",
            original=run,
            run=run,
            back_url=page,
        )
    if stop(run, person(request).get_username()):
        admin.log_change(request, run, "Stopped.")
        messages.success(request, run.message)
    else:
        messages.info(request, "This run has ended already.")
    return HttpResponseRedirect(page)
