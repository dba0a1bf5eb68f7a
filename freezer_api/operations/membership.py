"""Jobs in sessions: two documents that name each other. What the session says counts.

A job and its session are of one project, but maybe of two users; so what follows from a change is done in the
scope around it (:meth:`Scope.around`). Writes are ordered so that after a crash between any two of them the same
request, made again, completes the change; and every change looks again after its last write, so that of two at
once the later one sees both.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress

from freezer_api.documents import jobs, sessions
from freezer_api.documents.fields import Document
from freezer_api.errors import Conflict, NotFound
from freezer_api.operations.owned import Owned
from freezer_api.operations.rewrite import until_settled
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.query import HasMember

Change = Callable[[Document], Document]


class Membership:
    """Joins, removes and releases the member jobs of sessions; ``clock`` gives epoch seconds."""

    def __init__(self, repository: Repository, clock: Callable[[], int]) -> None:
        self._jobs = Owned(repository, jobs.JOBS)
        self._sessions = Owned(repository, sessions.SESSIONS)
        self._clock = clock

    def join(self, scope: Scope, session_id: str, job_id: str) -> None:
        """Make the job a member of this session and of no other; a repetition refreshes both sides."""
        job = self._jobs.get(scope, job_id).document
        session = self._sessions.get(scope, session_id).document
        if job.get("project_id") != session.get("project_id"):
            raise NotFound(session_id)
        around = scope.around(job)

        def enter() -> None:
            self._sessions.rewrite(around, session_id, lambda document: sessions.with_member(document, job))

        self.leave(around, job_id, but=session_id)
        try:
            enter()
        except NotFound:
            # It has left others, maybe, for a session that is gone.
            self._settle(around, job_id, jobs.released)
            raise
        until_settled(lambda: self._bind(around, job_id, jobs.released, enter))

    def _settle(self, scope: Scope, job_id: str, alone: Change) -> None:
        with suppress(NotFound):
            until_settled(lambda: self._bind(scope, job_id, alone))

    def _bind(self, scope: Scope, job_id: str, alone: Change, enter: Callable[[], None] = lambda: None) -> None:
        """Make the job say what the sessions say of it; ``Conflict`` when they changed their mind meanwhile.

        ``alone`` is what it says when none holds it. ``enter`` makes the entry of the join that this ends.
        """
        holders = self._holders(scope, job_id)
        if not holders:
            with suppress(NotFound):
                self._jobs.rewrite(scope, job_id, alone)
            # Another join may have bound the job before this let it go.
            if self._holders(scope, job_id):
                raise Conflict(f"Job with ID {job_id} was changed by another request")
            return
        # Two joins at the same time may leave two entries: everybody keeps the same one.
        holder = max(holders, key=lambda stored: stored.key)
        for other in holders:
            if other.key != holder.key:
                self._drop_entry(scope, other.key, job_id)
        try:
            self._jobs.rewrite(scope, job_id, lambda job: jobs.joined(job, holder.document))
        except NotFound:
            self._drop_entry(scope, holder.key, job_id)
            raise
        if not self._still_holds(scope, holder, job_id):
            if len(holders) > 1 and not self._holders(scope, job_id):
                # Others were dropped here for the sake of one that was dropped meanwhile: this join comes last.
                with suppress(NotFound):
                    enter()
            raise Conflict(f"Session with ID {holder.key} was changed by another request")

    def _still_holds(self, scope: Scope, holder: Stored, job_id: str) -> bool:
        now = [stored.document for stored in self._holders(scope, job_id)]
        return [session["session_id"] for session in now] == [holder.key] and not sessions.retriggers(
            holder.document, now[0]
        )

    def _holders(self, scope: Scope, job_id: str) -> list[Stored]:
        return self._sessions.all(scope, HasMember(job_id))

    def _drop_entry(self, scope: Scope, session_id: str, job_id: str) -> None:
        now = self._clock()
        with suppress(NotFound):
            self._sessions.rewrite(
                scope, session_id, lambda document: sessions.without_member(document, job_id, now)
            )

    def leave(self, scope: Scope, job_id: str, but: str | None = None) -> None:
        """Take the job's entries out of all sessions ``but`` one; the job itself is about to change or go."""
        for stored in self._holders(scope, job_id):
            if stored.key != but:
                self._drop_entry(scope, stored.key, job_id)

    def remove(self, scope: Scope, session_id: str, job_id: str) -> None:
        """End the membership and tell the job to stop; a job that is no member is not touched."""
        session = self._sessions.get(scope, session_id).document
        if job_id not in sessions.members(session):
            return
        around = scope.around(session)
        self._change_bound(around, session_id, job_id, jobs.removed_from_session, also_unbound=True)
        self._drop_entry(around, session_id, job_id)
        # It may have joined again meanwhile, before or after it hears.
        self._settle(around, job_id, _if_bound(session_id, jobs.removed_from_session))

    def release(self, scope: Scope, session_id: str, job_ids: Iterable[str]) -> None:
        """Let these jobs go on alone, as far as they take themselves for members of the session."""
        for job_id in job_ids:
            self._change_bound(scope, session_id, job_id, jobs.released)

    def retrigger(self, scope: Scope, session: Document) -> None:
        """Give the member jobs the session's schedule."""
        for job_id in sessions.members(session):
            self._change_bound(scope, session["session_id"], job_id, lambda job: jobs.retriggered(job, session))

    def _change_bound(
        self, scope: Scope, session_id: str, job_id: str, change: Change, *, also_unbound: bool = False
    ) -> None:
        with suppress(NotFound):
            self._jobs.rewrite(scope, job_id, _if_bound(session_id, change, also_unbound=also_unbound))


def _if_bound(session_id: str, change: Change, *, also_unbound: bool = False) -> Change:
    """The change, of a job that takes itself for a member of the session."""

    def change_if_bound(job: Document) -> Document:
        is_bound = jobs.is_bound_to(job, session_id) or (also_unbound and jobs.is_unbound(job))
        return change(job) if is_bound else job

    return change_if_bound
