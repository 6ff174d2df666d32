"""Sending what waits in the outbox, outside any transaction.

A worker that dies between the mail server's yes and the commit leaves an alert that is
sent once more after its claim has run out, under the same Message-ID: SMTP cannot do
better. Nobody but the alert waits for a mail server that is down.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime
from html import unescape
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.html import strip_tags

from connector import clock
from sync.models.alert import Alert

logger = logging.getLogger(__name__)

_MOST = 200
_STATES = (("new", "New"), ("still", "Still so"), ("solved", "Solved"))


def send_alerts(now: datetime) -> int:
    """Send what is due; how many left. A server that is away is asked once only."""
    sent = 0
    for _ in range(_MOST):
        alert = Alert.objects.claim_next(now)
        if alert is None:
            break
        try:
            message(alert).send()
        except Exception as error:
            logger.warning("Alert %s was not sent: %s", alert.pk, type(error).__name__)
            alert.note_failure(clock.now(), _sentence(error))
            if isinstance(error, OSError) and not _is_of_this_mail(error):
                break
            continue
        alert.note_sent(clock.now())
        sent += 1
    return sent


def message(alert: Alert) -> EmailMultiAlternatives:
    """The mail, as text and as HTML out of one template."""
    html = html_of(alert)
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(" >") or "localhost"
    written = f"{alert.created_at:%Y%m%d%H%M%S}"
    mail = EmailMultiAlternatives(
        alert.subject,
        text_of(html),
        to=alert.recipients,
        headers={
            "Message-ID": f"<alert-{alert.pk}-{written}@{domain}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(html, "text/html")
    return mail


def html_of(alert: Alert) -> str:
    groups: list[tuple[str, str, list[Any]]] = [
        (state, title, [each for each in alert.causes if each["state"] == state])
        for state, title in _STATES
    ]
    return render_to_string(
        "sync/alert.html",
        {
            "alert": alert,
            "tenant": alert.tenant,
            "groups": [group for group in groups if group[2]],
        },
    )


def text_of(html: str) -> str:
    """The template's body without its marks, a line for each of its lines."""
    body = html.partition("<body")[2].partition(">")[2]
    lines = (" ".join(unescape(line).split()) for line in strip_tags(body).splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def _is_of_this_mail(error: Exception) -> bool:
    return isinstance(
        error,
        smtplib.SMTPRecipientsRefused
        | smtplib.SMTPSenderRefused
        | smtplib.SMTPDataError,
    )


def _sentence(error: Exception) -> str:
    message = f"{type(error).__name__}: {error}".replace("\x00", " ")
    password = settings.EMAIL_HOST_PASSWORD
    return message.replace(password, "[removed]") if password else message
