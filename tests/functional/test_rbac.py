# SPDX-License-Identifier: Apache-2.0
"""Access of each persona to each route, for own documents and those of others.

The tables have the expected answers by persona and group of rules. The routes are those of the route table, so the
test of a new route fails until its rule is in a group.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from oslo_config import cfg

from freezer_api.middleware.request_log import log_requests
from freezer_api.policies import enforcer, list_rules
from freezer_api.repository.protocol import Repository
from freezer_api.routes import ROUTES, ROUTES_OF_V2, Route
from tests.functional.client import Answer, Client
from tests.functional.conftest import app
from tests.functional.versions import Version, in_v1, in_v2

pytestmark = pytest.mark.any_store

LIBRARY, ARCHIVE = "library", "archive"


@dataclass(frozen=True)
class Persona:
    """An identity as Keystone's middleware sets it."""

    user: str
    roles: str
    project: str | None = LIBRARY
    domain: str | None = None
    system: str | None = None

    @property
    def headers(self) -> dict[str, str | None]:
        return {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": self.user,
            "X-User-Name": self.user,
            "X-Roles": self.roles,
            "X-Project-Id": self.project,
            "X-Domain-Id": self.domain,
            "OpenStack-System-Scope": self.system,
        }


ALICE = Persona("alice", "member")
BOB = Persona("bob", "member")
PERSONAS = {
    "reader": Persona("alice", "reader"),
    "member": ALICE,
    "service": Persona("alice", "service"),
    "admin": Persona("alice", "admin,member,reader"),
    "no role": Persona("alice", "members,auditor"),
    "member of another project": Persona("alice", "member", ARCHIVE),
    "domain-scoped": Persona("alice", "admin,member", None, domain="default"),
    "domain-scoped with a project": Persona("alice", "admin,member", domain="default"),
    "system-scoped": Persona("alice", "admin", None, system="all"),
    "unscoped": Persona("alice", "", None),
}

GROUPS = {
    "read": {
        f"{kind}:{rule}"
        for kind in ("backups", "clients", "jobs", "actions", "sessions")
        for rule in ("get_all", "get")
    },
    "report": {"backups:create", "backups:update", "backups:delete"},
    "change": {
        *("clients:create", "clients:update", "clients:delete"),
        *("jobs:create", "jobs:update", "jobs:delete", "jobs:event:create"),
        *("actions:create", "actions:update", "actions:replace", "actions:delete"),
        *("sessions:create", "sessions:update", "sessions:replace", "sessions:delete"),
        *("sessions:action:create", "sessions:job:add", "sessions:job:remove"),
    },
}

NOT_OF_ROUTES = {"projects:any", "jobs:get_all_projects", "clients:create_central"}
"""Rules that are checked in addition to the rule of a route. ``test_v2.py`` tests them."""

# The scope of version 1 is a user within the token's project. Documents of other projects are not found.
EXPECTED = """
                              read  report  change
reader                        yes   403     403
member                        yes   yes     yes
service                       yes   yes     403
admin                         yes   yes     yes
no role                       403   403     403
member of another project     yes   yes     yes
domain-scoped                 403   403     403
domain-scoped with a project  403   403     403
system-scoped                 403   403     403
unscoped                      403   403     403
"""

# Version 2 is scoped by the project of the URL: the token's own, or another one.
EXPECTED_IN_V2 = """
                              read  report  change
reader                        yes   403     403
member                        yes   yes     yes
service                       yes   yes     403
admin                         yes   yes     yes
no role                       403   403     403
member of another project     403   403     403
domain-scoped                 403   403     403
domain-scoped with a project  403   403     403
system-scoped                 403   403     403
unscoped                      403   403     403
"""
EXPECTED_FROM_ELSEWHERE = """
                              read  report  change
reader                        403   403     403
member                        403   403     403
service                       yes   yes     403
admin                         yes   yes     yes
no role                       403   403     403
domain-scoped with a project  403   403     403
"""

# The answers to allowed requests for own documents, and in v1 for documents of another user in the project. For
# the caller the latter do not exist: their deletion changes nothing, but their ids cannot be used again.
OWN = {
    "search": 200,
    "get": 200,
    "create": 201,
    "put": 201,
    "patch": 200,
    "delete": 204,
    "event": 202,
    "act": 202,
    "add_job": 204,
    "remove_job": 204,
}
FOREIGN = OWN | {"get": 404, "put": 409, "patch": 404, "event": 404, "act": 404, "add_job": 404, "remove_job": 404}

JOB = {"client_id": "node", "job_actions": [{"freezer_action": {"action": "backup"}}]}
BODIES: dict[tuple[str, str], Any] = {
    ("backups", "create"): {"container": "c", "hostname": "h", "backup_name": "b"},
    ("backups", "patch"): {"status": "error"},
    ("clients", "patch"): {"description": "d"},
    ("jobs", "create"): JOB,
    ("jobs", "put"): JOB,
    ("jobs", "patch"): {"description": "d"},
    ("jobs", "event"): {"start": None},
    ("actions", "create"): {"freezer_action": {"action": "backup"}},
    ("actions", "put"): {"freezer_action": {"action": "backup"}},
    ("actions", "patch"): {"max_retries": 2},
    ("sessions", "create"): {"schedule": {}},
    ("sessions", "put"): {"session_tag": 0, "schedule": {}},
    ("sessions", "patch"): {"description": "d"},
}


def expected(table: str = EXPECTED) -> Iterator[tuple[str, str, str]]:
    """Yield persona, group of rules and answer for each cell of a table."""
    head, *lines = table.strip("\n").splitlines()
    for line in lines:
        name, cells = line[:30].strip(), line[30:].split()
        for group, answer in zip(head.split(), cells, strict=True):
            yield name, group, answer


def group_of(route: Route) -> str:
    (group,) = (name for name, rules in GROUPS.items() if route.rule in rules)
    return group


Ask = Callable[[Persona, str, str, Any], Answer]


@pytest.fixture
def ask(conf: cfg.ConfigOpts, repository: Repository, version: Version) -> Ask:
    """Sends requests for documents of the project ``library``."""
    client = Client(
        partial(log_requests, app.ApplicationFactory(conf, repository).api()), version, lambda _who: {}
    )

    def asked(persona: Persona, method: str, path: str, body: Any = None) -> Answer:
        data = b"" if body is None else json.dumps(body).encode()
        return client(method, f"{client.base}/{path}", data, headers=persona.headers)

    return asked


class Documents:
    """Documents of each kind. ``fill`` creates new ones, because most requests change them."""

    def __init__(self, ask: Ask, owner: Persona) -> None:
        self._ask = ask
        self.owner = owner
        self._count = 0
        assert self._ask(owner, "POST", "clients", {"client_id": JOB["client_id"]}).status == 201
        self.fill()

    def fill(self) -> None:
        self._count += 1
        client, action, job, member, session = (
            f"{name}-{self.owner.user}-{self._count}" for name in ("node", "action", "job", "member", "session")
        )
        for method, path, body in (
            ("POST", "clients", {"client_id": client, "hostname": "h"}),
            ("POST", f"actions/{action}", BODIES["actions", "put"]),
            ("POST", f"jobs/{job}", JOB),
            ("POST", f"jobs/{member}", JOB),
            ("POST", f"sessions/{session}", BODIES["sessions", "put"]),
            ("PUT", f"sessions/{session}/jobs/{member}", None),
        ):
            assert self._ask(self.owner, method, path, body).status < 300
        backup = self._ask(self.owner, "POST", "backups", BODIES["backups", "create"]).json["backup_id"]
        self.parameters = {
            "backup_id": backup,
            "client_id": client,
            "action_id": action,
            "job_id": job,
            "member": member,
            "session_id": session,
        }

    def path(self, route: Route) -> str:
        parameters = dict(self.parameters)
        if route.handler == "remove_job":
            parameters["job_id"] = parameters["member"]
        return route.path.format(**parameters).lstrip("/")

    def body(self, route: Route) -> Any:
        body = BODIES.get((route.resource, route.handler))
        if route.handler == "act":
            return {"start": {"job_id": self.parameters["member"], "current_tag": 0}}
        if (route.resource, route.handler) == ("clients", "create"):
            return {"client_id": f"new-{self._count}", "hostname": "h"}
        return body

    def as_they_are(self) -> list[Any]:
        names = {"backups": "backup_id", "clients": "client_id", "actions": "action_id", "jobs": "job_id"}
        names["sessions"] = "session_id"
        return [
            self._ask(self.owner, "GET", f"{kind}/{self.parameters[name]}").json for kind, name in names.items()
        ]


def answers(
    ask: Ask,
    persona: Persona,
    documents: Documents,
    routes: tuple[Route, ...] = ROUTES,
    *,
    reached: bool = True,
) -> dict[str, int]:
    """Return the statuses by route. ``reached``: whether allowed requests reach the owner's documents."""
    found = {}
    for route in routes:
        answer = ask(persona, route.method, documents.path(route), documents.body(route))
        found[f"{route.method} {route.path}"] = answer.status
        if answer.status < 300 and route.method != "GET" and persona.user == documents.owner.user and reached:
            documents.fill()
    return found


def should_be(
    persona: str, allowed: dict[str, int], routes: tuple[Route, ...] = ROUTES, table: str = EXPECTED
) -> dict[str, int]:
    by_group = {group: answer for name, group, answer in expected(table) if name == persona}
    return {
        f"{route.method} {route.path}": allowed[route.handler]
        if by_group[group] == "yes"
        else int(by_group[group])
        for route in routes
        for group in [group_of(route)]
    }


@in_v2
class TestVersion2:
    @pytest.mark.parametrize("owner", [ALICE, BOB], ids=lambda owner: owner.user)
    @pytest.mark.parametrize("persona", PERSONAS)
    def test_access_to_documents_of_the_project_is_as_expected_fault_37(
        self, ask: Ask, persona: str, owner: Persona
    ) -> None:
        asked = answers(ask, replace(PERSONAS[persona], user=owner.user), Documents(ask, owner), ROUTES_OF_V2)
        assert asked == should_be(persona, OWN, ROUTES_OF_V2, EXPECTED_IN_V2)

    @pytest.mark.parametrize("persona", sorted({name for name, _, _ in expected(EXPECTED_FROM_ELSEWHERE)}))
    def test_access_to_documents_of_another_project_is_as_expected(self, ask: Ask, persona: str) -> None:
        elsewhere = replace(PERSONAS[persona], project=ARCHIVE)
        asked = answers(ask, elsewhere, Documents(ask, ALICE), ROUTES_OF_V2)
        assert asked == should_be(persona, OWN, ROUTES_OF_V2, EXPECTED_FROM_ELSEWHERE)


@in_v1
@pytest.mark.parametrize("persona", PERSONAS)
class TestVersion1:
    def test_access_to_own_documents_is_as_expected(self, ask: Ask, persona: str) -> None:
        documents = Documents(ask, ALICE)
        before = documents.as_they_are()
        if PERSONAS[persona].project == ARCHIVE:
            assert answers(ask, PERSONAS[persona], documents, reached=False) == should_be(persona, FOREIGN)
            assert documents.as_they_are() == before
        else:
            assert answers(ask, PERSONAS[persona], documents) == should_be(persona, OWN)

    def test_access_to_documents_of_a_colleague_is_as_expected(self, ask: Ask, persona: str) -> None:
        documents = Documents(ask, BOB)
        before = documents.as_they_are()
        assert answers(ask, PERSONAS[persona], documents) == should_be(persona, FOREIGN)
        assert documents.as_they_are() == before


def test_every_persona_is_in_the_tables() -> None:
    for table in (EXPECTED, EXPECTED_IN_V2):
        assert {name for name, _, _ in expected(table)} == PERSONAS.keys()


def test_every_rule_has_its_original_name_and_one_group() -> None:
    grouped = set().union(*GROUPS.values())
    assert {route.rule for route in ROUTES_OF_V2} == grouped
    assert sum(map(len, GROUPS.values())) == len(grouped)
    assert {rule.name for rule in list_rules() if ":" in rule.name} == grouped | NOT_OF_ROUTES


def test_oslo_policy_tools_get_all_rules() -> None:
    assert enforcer().registered_rules.keys() == {rule.name for rule in list_rules()}


@in_v1
def test_admin_sees_only_own_documents_in_v1(ask: Ask) -> None:
    Documents(ask, BOB)
    for kind in ("backups", "clients", "jobs", "actions", "sessions"):
        assert ask(PERSONAS["admin"], "GET", f"{kind}?limit=100").json == {kind: []}
