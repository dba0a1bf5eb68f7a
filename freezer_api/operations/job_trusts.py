# SPDX-License-Identifier: Apache-2.0
"""Trusts of jobs: central clients run jobs of any project with rights delegated by the creator of the job.

A trust is created last, after all checks, and revoked if no job holds it after the write. If the process is killed
in between, the next request reuses the orphaned trust.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from freezer_api.documents import jobs
from freezer_api.documents.clients import is_central
from freezer_api.documents.fields import Document
from freezer_api.documents.search_index import as_value
from freezer_api.errors import FreezerError
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.query import Is, Query


@dataclass(frozen=True)
class Delegator:
    """The user who delegates rights; ``about`` is the data that Keystone returned for the token."""

    user_id: str
    project_id: str | None
    token: str = field(repr=False)
    about: Mapping[str, Any] = field(repr=False)


class Trust(NamedTuple):
    """A Keystone trust. ``is_new``: this request created it, so no job holds it yet."""

    id: str
    trustor_user_id: str
    is_new: bool


class Trusts(Protocol):
    """Creates and revokes trusts in Keystone."""

    def ensure_trust(self, delegator: Delegator, project_id: str) -> Trust:
        """Return a trust of the delegator for the project: an existing one that fits, else a new one.

        Raises ``Undelegable`` if Keystone refuses it, ``Unavailable`` if Keystone cannot be reached.
        """
        ...

    def revoke(self, delegator: Delegator | None, trust_id: str) -> None:
        """Revoke a trust. Failures are logged, not raised."""
        ...


class TrustDelegation:
    """The trust of one request, created at most once, when a job needs it."""

    def __init__(
        self, trusts: Trusts | None, scope: Scope, delegator: Delegator | None, *, enforced: bool
    ) -> None:
        self._trusts = trusts
        self._scope = scope
        self._delegator = delegator
        self._enforced = enforced
        self._trust: Trust | None = None
        self.unheld: set[str] = set()
        """Ids of trusts that are revoked after the request if no job holds them."""

    def apply_trust(self, old: Document | None, new: Document, client: Stored | None) -> Document:
        """Return the new job, with another client or other actions, and with the trust that it needs, if any.

        A trust of another user is never kept. v1 creates no trusts: it keeps the caller's own and releases others.
        """
        if old is not None and not self._scope.by_project and jobs.trustor_of(old) == self._scope.user_id:
            return jobs.with_credentials_of(new, old)
        former = jobs.trust_of(old or {})
        if former is not None:
            self.unheld.add(former)
        may_delegate = self._scope.by_project and self._needs_trust(client)
        if self._trusts is None or self._delegator is None or not may_delegate:
            return jobs.with_credentials_of(new, {})
        if self._trust is None:
            self._trust = self._trusts.ensure_trust(self._delegator, self._scope.owner)
            if self._trust.is_new:
                self.unheld.add(self._trust.id)
        return jobs.with_trust(new, self._trust.id, self._trust.trustor_user_id)

    def _needs_trust(self, client: Stored | None) -> bool:
        return self._enforced or (client is not None and is_central(client.document))


class JobTrusts:
    """Delegates and revokes trusts. If ``trusts`` is None, jobs have none. ``enforced``: every job needs one."""

    def __init__(self, repository: Repository, trusts: Trusts | None, *, enforced: bool = False) -> None:
        self._repository = repository
        self._trusts = trusts
        self._enforced = enforced

    @contextmanager
    def delegation(self, scope: Scope, delegator: Delegator | None) -> Iterator[TrustDelegation]:
        """Yield the delegation for the write of a job. Afterwards revoke trusts that no job holds."""
        delegation = TrustDelegation(self._trusts, scope, delegator, enforced=self._enforced)
        try:
            yield delegation
        except FreezerError:
            self.release(scope, delegator, delegation.unheld)
            raise
        self.release(scope, delegator, delegation.unheld)

    def release(self, scope: Scope, delegator: Delegator | None, trust_ids: Iterable[str]) -> None:
        """Revoke those trusts that no job of the project holds."""
        if self._trusts is None:
            return
        project = scope.around(scope.stamped({}))
        for trust_id in trust_ids:
            # Keep the trust if the store fails, because a job may hold it.
            with suppress(FreezerError):
                if not self._is_held(project, trust_id):
                    self._trusts.revoke(delegator, trust_id)

    def _is_held(self, scope: Scope, trust_id: str) -> bool:
        held = Is((jobs.TRUST,), as_value(trust_id))
        return bool(self._repository.search(jobs.JOBS, Query((scope.condition, held), limit=1)).items)
