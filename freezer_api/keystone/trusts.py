# SPDX-License-Identifier: Apache-2.0
"""Trusts of Keystone: from the caller to the account that runs the jobs of central clients."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from keystoneauth1 import access, loading
from keystoneauth1.adapter import Adapter
from keystoneauth1.exceptions import AuthPluginException, ClientException, HttpError, NotFound
from keystoneauth1.identity import generic
from keystoneauth1.identity.access import AccessInfoPlugin
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.plugin import AUTH_INTERFACE, BaseAuthPlugin
from keystoneauth1.session import Session
from oslo_config import cfg

from freezer_api.conf import reading
from freezer_api.errors import Unavailable, Undelegable
from freezer_api.keystone import options as keystone
from freezer_api.operations.job_trusts import Delegator, Trust, Trusts

LOG = logging.getLogger(__name__)

REQUEST_TIMEOUT = 8
"""Timeout in seconds of each request to Keystone, during which the caller waits for the response."""

_NO_TRUSTEE = "Cannot deduce trustee user from auth_section"
_REFUSED = "Keystone refuses a trust from the caller to the central scheduler"
_UNAVAILABLE = "The identity service is not available, try again later"

Role = Mapping[str, str]
"""A role, by its ``id`` or its ``name``."""


def create_trusts(conf: cfg.ConfigOpts) -> Trusts | None:
    """Return the client for trusts of the Keystone in ``[keystone_authtoken]``; None if trusts are disabled.

    Raises ``ConfigurationError`` if an option of ``[centralized_scheduler]`` is invalid.
    """
    reading.check_values(conf, "centralized_scheduler")
    return KeystoneTrusts(conf) if conf.centralized_scheduler.enabled else None


class KeystoneTrusts:
    """Creates and revokes trusts in Keystone. The trustee's account is loaded when a trust is first needed."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._section = conf.centralized_scheduler.auth_section
        self._delegated = conf.centralized_scheduler.trusts_delegated_roles
        self._trustee: str | None = None

    def ensure_trust(self, delegator: Delegator, project_id: str) -> Trust:
        trustee = self._trustee_id()
        roles = self._roles(delegator)
        adapter = self._as_delegator(delegator, project_id)
        wanted = {"trustor_user_id": delegator.user_id, "trustee_user_id": trustee, "project_id": project_id}
        try:
            found = next(_find_usable(adapter, wanted, roles), None)
        except ClientException as error:
            LOG.warning("Creating a new trust, because existing ones cannot be read: %s", error)
            found = None
        if found is not None:
            return Trust(found["id"], delegator.user_id, is_new=False)
        body = {**wanted, "impersonation": False, "allow_redelegation": False, "roles": roles}
        try:
            created = adapter.post("/OS-TRUST/trusts", json={"trust": body}).json()["trust"]
        except ClientException as error:
            by_name = [role["name"] for role in roles if "name" in role]
            is_unknown = isinstance(error, NotFound) and by_name
            raise _refused(error, f"Failed to find roles {by_name}" if is_unknown else _REFUSED) from None
        return Trust(created["id"], delegator.user_id, is_new=True)

    def revoke(self, delegator: Delegator | None, trust_id: str) -> None:
        attempts = [self._as_account]
        if delegator is not None:
            attempts.insert(0, partial(self._as_delegator, delegator, delegator.project_id))
        for attempt in attempts:
            try:
                attempt().delete(f"/OS-TRUST/trusts/{trust_id}")
            except NotFound:
                return
            except (ClientException, Undelegable) as error:
                LOG.warning("The trust %s cannot be revoked: %s", trust_id, error)
            else:
                return

    @cached_property
    def _account(self) -> tuple[Session, BaseIdentityPlugin]:
        keystone.register(self._conf)
        loading.register_auth_conf_options(self._conf, self._section)
        plugin = loading.load_auth_from_conf_options(self._conf, self._section)
        if not isinstance(plugin, BaseIdentityPlugin):
            raise Undelegable(_NO_TRUSTEE)
        group = self._conf[keystone.GROUP]
        session = Session(
            verify=False if group.insecure else group.cafile or True,
            cert=(group.certfile, group.keyfile) if group.certfile else None,
            timeout=REQUEST_TIMEOUT,
        )
        return session, plugin

    def _trustee_id(self) -> str:
        if self._trustee is None:
            try:
                session, plugin = self._account
                self._trustee = plugin.get_user_id(session)
            except AuthPluginException:
                raise Undelegable(_NO_TRUSTEE) from None
            except ClientException as error:
                raise _refused(error, _NO_TRUSTEE) from None
        if self._trustee is None:
            raise Undelegable(_NO_TRUSTEE)
        return self._trustee

    def _roles(self, delegator: Delegator) -> list[Role]:
        """Return the roles to delegate: by id if the token has the role, else by name."""
        held = {role["name"].lower(): {"id": role["id"]} for role in delegator.about["token"].get("roles", ())}
        if not self._delegated:
            return list(held.values())
        return [held.get(name.lower(), {"name": name}) for name in self._delegated]

    def _as_account(self) -> Adapter:
        return _identity(*self._account)

    def _as_delegator(self, delegator: Delegator, project_id: str | None) -> Adapter:
        session, plugin = self._account
        url = plugin.auth_url or ""
        if delegator.project_id == project_id:
            known = access.create(body=dict(delegator.about), auth_token=delegator.token)
            return _identity(session, AccessInfoPlugin(known, url))
        return _identity(session, generic.Token(url, token=delegator.token, project_id=project_id))


def _identity(session: Session, plugin: BaseAuthPlugin) -> Adapter:
    # Use the URL that the operator set for requests of this service, not that of the catalog.
    interface: Any = AUTH_INTERFACE
    return Adapter(session, auth=plugin, interface=interface, version="3")


def _find_usable(adapter: Adapter, wanted: Mapping[str, str], roles: list[Role]) -> Iterator[Any]:
    """Return the trusts that delegate these roles without limits.

    Keystone's list can be filtered by the trustor only, and does not contain the roles.
    """
    query = {"trustor_user_id": wanted["trustor_user_id"]}
    for trust in adapter.get("/OS-TRUST/trusts", params=query).json()["trusts"]:
        if _is_unlimited(trust) and all(trust[name] == value for name, value in wanted.items()):
            whole = adapter.get(f"/OS-TRUST/trusts/{trust['id']}").json()["trust"]
            if all(_has(whole["roles"], role) for role in roles):
                yield whole


def _is_unlimited(trust: Mapping[str, Any]) -> bool:
    """Return whether the trust is without impersonation, can be used any number of times, and has not expired."""
    if trust["impersonation"] or trust["remaining_uses"] is not None:
        return False
    expires_at = trust["expires_at"]
    return expires_at is None or datetime.fromisoformat(expires_at) > datetime.now(UTC)


def _has(roles: list[Role], wanted: Role) -> bool:
    ((key, value),) = wanted.items()
    return any(role[key].lower() == value.lower() for role in roles)


def _refused(error: ClientException, refusal: str) -> Unavailable | Undelegable:
    """Return the error for the caller: ``Undelegable`` if Keystone refused (4xx), else ``Unavailable``."""
    LOG.warning("The trust cannot be created: %s", error)
    status = error.http_status if isinstance(error, HttpError) else 0
    return Undelegable(refusal) if 400 <= status < 500 else Unavailable(_UNAVAILABLE)
