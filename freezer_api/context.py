# SPDX-License-Identifier: Apache-2.0
"""The caller of a request, see :func:`freezer_api.middleware.identity.caller_of`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity that the auth middleware confirmed.

    ``roles`` are lower-cased. A token without a project, or for a domain or the system, has no ``project_id``.
    """

    user_id: str
    user_name: str | None = None
    project_id: str | None = None
    roles: tuple[str, ...] = ()
    domain_id: str | None = None
    user_domain_id: str | None = None
    project_domain_id: str | None = None
    system_scope: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the caller has the role ``admin``, regardless of policy rules."""
        return "admin" in self.roles
