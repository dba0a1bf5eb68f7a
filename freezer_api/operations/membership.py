# SPDX-License-Identifier: Apache-2.0
"""Membership of jobs in sessions. Job and session refer to each other; the session document is authoritative.

A job and its session belong to one project, but may belong to two users; so resulting changes use the scope of
the project (:meth:`Scope.around`).

A change of a membership first writes the job: the session that it names now, and in ``jobs.PENDING`` the sessions
whose entries have to be updated. Concurrent changes conflict at the job, so the job determines which was the last.
Then the entries are updated (:meth:`Membership.complete`), and the job is read again. If the process is killed or
the store fails in between, the next change of the job or of one of the sessions, or ``freezer-manage db sync``,
completes the pending updates. Reads change nothing.

An entry that a request body wrote into a session is not pending in any job, so it never changes a job: a caller
can write the id of another user's job there.
"""

from collections.abc import Callable, Collection
from contextlib import suppress

from freezer_api.documents import jobs, sessions
from freezer_api.documents.fields import Document
from freezer_api.documents.limits import DEFAULTS, Limits
from freezer_api.documents.search_index import as_value
from freezer_api.errors import Conflict, NotFound, TooMany
from freezer_api.operations.rewrite import retry_on_conflict
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import ScopedDocuments, iterate_all
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.query import HasMember, Is, Missing, Not

Change = Callable[[Document], Document]


class Membership:
    """Joins, removes and releases the member jobs of sessions; ``clock`` gives epoch seconds."""

    def __init__(self, repository: Repository, clock: Callable[[], int], limits: Limits = DEFAULTS) -> None:
        self._repository = repository
        self._jobs = ScopedDocuments(repository, jobs.JOBS)
        self._sessions = ScopedDocuments(repository, sessions.SESSIONS)
        self._clock = clock
        self._limits = limits

    def join(self, scope: Scope, session_id: str, job_id: str) -> None:
        """Make the job a member of this session and of no other. A repeated call updates both documents."""
        retry_on_conflict(lambda: self._join(scope, session_id, job_id))

    def _join(self, scope: Scope, session_id: str, job_id: str) -> None:
        """Join once. Raises ``Conflict`` if a concurrent change of the session or job requires a repetition."""
        job = self._jobs.get(scope, job_id).document
        session = self._sessions.get(scope, session_id).document
        if job.get("project_id") != session.get("project_id"):
            raise NotFound(session_id)
        around = scope.around(job)
        self.complete_if_pending(scope, job)
        done, others = jobs.pending_sessions(job), self.find_holders(around, job_id, but=session_id)

        def joined(job: Document) -> Document:
            new = jobs.joined(job, session)
            if new == job and not others:
                return job
            pending = (jobs.pending_sessions(job) - done) | jobs.named_sessions(job) | {session_id, *others}
            return jobs.with_pending(new, pending)

        def entered(document: Document) -> Document:
            new = sessions.with_member(document, job)
            self._limits.check_count(sessions.SESSIONS, new, document)
            return new

        # Check the limit before the job changes; it is checked again at the write.
        entered(session)
        self._jobs.rewrite(around, job_id, joined)
        try:
            self._sessions.rewrite(around, session_id, entered)
        except (NotFound, TooMany):
            self._release(around, session_id, job_id)
            self.complete(around, job_id)
            raise
        self.complete(around, job_id, [session_id])
        self._check_joined(around, session, job_id)

    def _check_joined(self, scope: Scope, session: Document, job_id: str) -> None:
        now = self._jobs.find(scope, job_id)
        if now is None:
            self._drop_entry(scope, session["session_id"], job_id)
        elif jobs.is_bound_to(now.document, session["session_id"]):
            changed = self._sessions.find(scope, session["session_id"])
            if changed is not None and sessions.retriggers(session, changed.document):
                raise Conflict(f"Session with ID {changed.key} was changed by another request")
        elif not jobs.pending_sessions(now.document):
            # A later change of membership would be pending: so a PATCH based on an older state wrote the job.
            raise Conflict(f"Job with ID {job_id} was changed by another request")

    def complete(self, scope: Scope, job_id: str, written: Collection[str] = ()) -> None:
        """Update the pending entries of sessions according to the job.

        ``written`` are the ids of sessions in which the caller wrote an entry of the job, which may have left them
        in the meantime.
        """
        entered = set(written)

        def attempt() -> None:
            stored = self._jobs.find(scope, job_id)
            pending = jobs.pending_sessions({} if stored is None else stored.document)
            named = jobs.named_sessions({} if stored is None else stored.document)
            for session_id in (pending | entered) - named:
                self._drop_entry(scope, session_id, job_id)
            if stored is None:
                return
            for session_id in pending & named:
                entered.add(session_id)
                self._add_entry(scope, session_id, stored.document)
            now = self._jobs.find(scope, job_id)
            if now is None or now.token != stored.token:
                raise Conflict(f"Job with ID {job_id} was changed by another request")

        retry_on_conflict(attempt)

    def _add_entry(self, scope: Scope, session_id: str, job: Document) -> None:
        """Add an entry of the job to the session if missing; release the job if the session was deleted."""

        def entered(session: Document) -> Document:
            return session if job["job_id"] in sessions.members(session) else sessions.with_member(session, job)

        try:
            self._sessions.rewrite(scope, session_id, entered)
        except NotFound:
            self._release(scope, session_id, job["job_id"])

    def complete_if_pending(self, scope: Scope, job: Document) -> None:
        """Complete an interrupted change of the job's membership."""
        if jobs.pending_sessions(job):
            self.complete(scope.around(job), job["job_id"])

    def complete_member(self, scope: Scope, session: Document, job_id: str) -> bool:
        """Complete an interrupted change between this job and the session; return whether there was one."""
        stored = self._jobs.find(scope.around(session), job_id)
        if stored is None or not _disagree(session, stored.document):
            return False
        self.complete(scope.around(session), job_id)
        return True

    def complete_members(self, scope: Scope, session: Document) -> None:
        """Complete interrupted changes between all jobs and the session."""
        around, session_id = scope.around(session), session["session_id"]
        for stored in self._jobs.all(around, Is((jobs.PENDING,), as_value(session_id))):
            if _disagree(session, stored.document):
                self.complete(around, stored.key)

    def complete_all(self) -> None:
        """Complete the interrupted changes of all jobs of the store."""
        for stored in iterate_all(self._repository, jobs.JOBS, Not(Missing((jobs.PENDING,)))):
            user_id, project_id = stored.document["user_id"], stored.document.get("project_id")
            scope = Scope("user_id", user_id, user_id, project_id)
            self.complete(scope.around(stored.document), stored.key)

    def find_holders(self, scope: Scope, job_id: str, but: str | None = None) -> list[str]:
        """Return the ids of all sessions, except ``but``, that have an entry of the job."""
        found = self._sessions.all(scope, HasMember(job_id))
        return [stored.key for stored in found if stored.key != but]

    def _drop_entry(self, scope: Scope, session_id: str, job_id: str) -> None:
        now = self._clock()
        with suppress(NotFound):
            self._sessions.rewrite(
                scope, session_id, lambda document: sessions.without_member(document, job_id, now)
            )

    def without_other_sessions(self, scope: Scope, old: Document, new: Document) -> Document:
        """Return ``new``, which replaces ``old``, with pending removals from all sessions but its own.

        The caller writes it and then calls :meth:`complete_if_pending`.
        """
        left = {*self.find_holders(scope.around(old), old["job_id"]), *jobs.pending_sessions(old)}
        # A ``session_id`` in a body does not make the job a member.
        return jobs.with_pending(new, left - (jobs.named_sessions(new) - jobs.named_sessions(old)))

    def leave(self, scope: Scope, job_id: str) -> None:
        """Remove the job from all sessions. Called before and after its deletion."""
        left = self.find_holders(scope, job_id)
        if left:
            with suppress(NotFound):
                self._jobs.rewrite(scope, job_id, lambda job: _also_pending(jobs.released(job), left))
        for session_id in left:
            self._drop_entry(scope, session_id, job_id)

    def remove(self, scope: Scope, session_id: str, job_id: str) -> None:
        """Remove the job from the session and record the event ``stop``.

        The job only changes if it names the session, or names none and is in the caller's own scope.
        """
        session = self._sessions.get(scope, session_id).document
        if job_id not in sessions.members(session):
            return
        around = scope.around(session)

        def removed(job: Document) -> Document:
            is_member = jobs.is_bound_to(job, session_id) or (jobs.is_unbound(job) and scope.owns(job))
            return _also_pending(jobs.removed_from_session(job), [session_id]) if is_member else job

        def attempt() -> None:
            with suppress(NotFound):
                self._jobs.rewrite(around, job_id, removed)
            self._drop_entry(around, session_id, job_id)
            now = self._jobs.find(around, job_id)
            if now is None or not jobs.is_bound_to(now.document, session_id):
                return
            if session_id in jobs.pending_sessions(now.document):
                # The job has joined again in the meantime.
                self.complete(around, job_id)
            elif session_id not in self.find_holders(around, job_id):
                # A PATCH of the job, based on an older state, names the session again.
                raise Conflict(f"Job with ID {job_id} was changed by another request")

        retry_on_conflict(attempt)

    def release(
        self, scope: Scope, session_id: str, job_ids: Collection[str], *, also_pending: bool = False
    ) -> None:
        """Release those jobs that are members of the session. ``also_pending``: and those with a pending join."""
        for stored in self._find_bound(scope, session_id):
            is_pending = also_pending and session_id in jobs.pending_sessions(stored.document)
            if stored.key in job_ids or is_pending:
                self._release(scope, session_id, stored.key)

    def _release(self, scope: Scope, session_id: str, job_id: str) -> None:
        def released(job: Document) -> Document:
            return _also_pending(jobs.released(job), [session_id])

        with suppress(NotFound):
            self._jobs.rewrite(scope, job_id, _if_bound(session_id, released))

    def retrigger(self, scope: Scope, session: Document) -> None:
        """Copy the session's triggers into the jobs whose ``session_id`` is this session."""
        change = _if_bound(session["session_id"], lambda job: jobs.retriggered(job, session))
        for stored in self._find_bound(scope, session["session_id"]):
            if stored.key in sessions.members(session):
                with suppress(NotFound):
                    self._jobs.rewrite(scope, stored.key, change)

    def _find_bound(self, scope: Scope, session_id: str) -> list[Stored]:
        """Return the jobs whose ``session_id`` is this session."""
        return self._jobs.all(scope, Is(("session_id",), as_value(session_id)))


def _disagree(session: Document, job: Document) -> bool:
    is_member = job["job_id"] in sessions.members(session)
    is_pending = session["session_id"] in jobs.pending_sessions(job)
    return is_pending and is_member != jobs.is_bound_to(job, session["session_id"])


def _also_pending(job: Document, session_ids: Collection[str]) -> Document:
    return jobs.with_pending(job, jobs.pending_sessions(job).union(session_ids))


def _if_bound(session_id: str, change: Change) -> Change:
    """Return a change that applies only to a job whose ``session_id`` is this session."""
    return lambda job: change(job) if jobs.is_bound_to(job, session_id) else job
