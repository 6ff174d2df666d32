"""The daily look at each tenant's PEX token (F1), which renews it in its last month.

Renewing is `connector.connections.probing`, how long it lives
`connector.connections.token_life`.
"""

from __future__ import annotations

import logging

from connector import clock
from connector.api.exceptions import AuthenticationError, ConnectorError
from connector.connections.business import OtherBusinessError
from connector.connections.probing import check_pex
from connector.connections.token_life import token_warning
from connector.models import PexConnection, Tenant
from sync.engine.alert.writing import write_refused

logger = logging.getLogger(__name__)


def renew_tokens() -> None:
    """Check the token of every tenant that has one; one that is refused, or is another
    business's, is alerted at once.

    Whatever is wrong with one of them is logged and costs no other its renewal.
    """
    connected = PexConnection.objects.filter(is_disconnected=False)
    for tenant_id, slug in connected.values_list("tenant_id", "tenant__slug"):
        try:
            _renew_token(tenant_id)
        except ConnectorError as error:
            logger.warning("The PEX token of %s: %s", slug, error)
            if isinstance(error, AuthenticationError | OtherBusinessError):
                tenant = Tenant.objects.get(pk=tenant_id)
                write_refused(tenant, error.message, clock.now())
        except Exception:
            logger.exception("The PEX token of %s could not be checked", slug)


def _renew_token(tenant_id: int) -> None:
    tenant = Tenant.objects.select_related("pex").get(pk=tenant_id)
    if not tenant.pex.token:
        return
    check_pex(tenant)
    if warning := token_warning(tenant.pex, clock.now()):
        logger.warning("%s: %s", tenant.slug, warning.sentence)
