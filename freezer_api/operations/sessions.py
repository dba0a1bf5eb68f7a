# SPDX-License-Identifier: Apache-2.0
"""Operations on sessions."""

from collections.abc import Callable

from freezer_api.documents import sessions
from freezer_api.documents.fields import Document
from freezer_api.documents.limits import DEFAULTS, Limits
from freezer_api.documents.merge import deep_merge
from freezer_api.errors import Invalid
from freezer_api.operations.membership import Membership
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import DocumentOperations
from freezer_api.repository.protocol import Repository, Stored


class Sessions(DocumentOperations):
    """Sessions of a scope; ``clock`` returns epoch seconds."""

    kind = sessions.SESSIONS

    def __init__(
        self,
        repository: Repository,
        membership: Membership,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        limits: Limits = DEFAULTS,
    ) -> None:
        super().__init__(repository, new_id, limits)
        self._membership = membership
        self._clock = clock

    def create(self, scope: Scope, session: Document) -> Stored:
        id_ = self._new_id()
        return self._documents.create(scope, id_, {**session, "session_id": id_})

    def put(self, scope: Scope, session_id: str, body: Document) -> Stored:
        """Create or replace the session; former members are released, the others get a changed schedule."""
        former: set[str] = set()

        def before(old: Document, new: Document) -> None:
            gone = sessions.members(old).keys() - sessions.members(new).keys()
            former.update(gone)
            self._membership.release(scope.around(old), session_id, gone)
            self._copy_schedule(scope, old, new)

        stored = self._documents.put(scope, session_id, lambda old: sessions.replacement(body, old), before)
        self._membership.release(scope.around(stored.document), session_id, former)
        self._membership.complete_members(scope, stored.document)
        return stored

    def patch(self, scope: Scope, session_id: str, patch: Document) -> Stored:
        """Merge a patch. Member jobs get a changed schedule first, so that a repeated request completes it."""
        stored = self._documents.patch(
            scope,
            session_id,
            lambda document: deep_merge(document, patch),
            lambda old, new: self._copy_schedule(scope, old, new),
        )
        self._membership.complete_members(scope, stored.document)
        return stored

    def _copy_schedule(self, scope: Scope, old: Document, new: Document) -> None:
        if sessions.retriggers(old, new):
            self._membership.retrigger(scope.around(new), new)

    def delete(self, scope: Scope, id_: str) -> None:
        """Delete the session and release its jobs."""
        seen: list[Document] = []

        def release(session: Document) -> None:
            members = sessions.members(session)
            self._membership.release(scope.around(session), id_, members, also_pending=True)

        def before(stored: Stored) -> None:
            seen.append(stored.document)
            release(stored.document)

        self._documents.delete(scope, id_, before)
        for session in seen:
            release(session)

    def act(self, scope: Scope, session_id: str, request: sessions.Start | sessions.End) -> tuple[str, int]:
        """Start or end a member; return the answer and the session's tag."""
        answers = ["success"]

        def change(session: Document) -> Document:
            if isinstance(request, sessions.End):
                return sessions.ended(session, request, self._clock())
            changed, answers[0] = sessions.started(session, request, self._clock())
            return changed

        try:
            session = self._documents.rewrite(scope, session_id, change).document
        except Invalid:
            # Complete the join of the job, which may have been interrupted.
            before = self._documents.get(scope, session_id).document
            if not self._membership.complete_member(scope, before, request.job_id):
                raise
            session = self._documents.rewrite(scope, session_id, change).document
        else:
            self._membership.complete_member(scope, session, request.job_id)
        return answers[0], sessions.tag_of(session)

    def add_job(self, scope: Scope, session_id: str, job_id: str) -> None:
        self._membership.join(scope, session_id, job_id)

    def remove_job(self, scope: Scope, session_id: str, job_id: str) -> None:
        self._membership.remove(scope, session_id, job_id)
