# SPDX-License-Identifier: Apache-2.0
"""The routes: path without version and project, method, policy rule, and the handler."""

from typing import NamedTuple


class Route(NamedTuple):
    path: str
    method: str
    rule: str
    resource: str
    handler: str


ROUTES = (
    Route("/backups", "GET", "backups:get_all", "backups", "search"),
    Route("/backups", "POST", "backups:create", "backups", "create"),
    Route("/backups/{backup_id}", "GET", "backups:get", "backups", "get"),
    Route("/backups/{backup_id}", "DELETE", "backups:delete", "backups", "delete"),
    Route("/clients", "GET", "clients:get_all", "clients", "search"),
    Route("/clients", "POST", "clients:create", "clients", "create"),
    Route("/clients/{client_id}", "GET", "clients:get", "clients", "get"),
    Route("/clients/{client_id}", "PATCH", "clients:update", "clients", "patch"),
    Route("/clients/{client_id}", "DELETE", "clients:delete", "clients", "delete"),
    Route("/jobs", "GET", "jobs:get_all", "jobs", "search"),
    Route("/jobs", "POST", "jobs:create", "jobs", "create"),
    Route("/jobs/{job_id}", "GET", "jobs:get", "jobs", "get"),
    Route("/jobs/{job_id}", "POST", "jobs:create", "jobs", "put"),
    Route("/jobs/{job_id}", "PATCH", "jobs:update", "jobs", "patch"),
    Route("/jobs/{job_id}", "DELETE", "jobs:delete", "jobs", "delete"),
    Route("/jobs/{job_id}/event", "POST", "jobs:event:create", "jobs", "event"),
    Route("/actions", "GET", "actions:get_all", "actions", "search"),
    Route("/actions", "POST", "actions:create", "actions", "create"),
    Route("/actions/{action_id}", "GET", "actions:get", "actions", "get"),
    Route("/actions/{action_id}", "POST", "actions:replace", "actions", "put"),
    Route("/actions/{action_id}", "PATCH", "actions:update", "actions", "patch"),
    Route("/actions/{action_id}", "DELETE", "actions:delete", "actions", "delete"),
    Route("/sessions", "GET", "sessions:get_all", "sessions", "search"),
    Route("/sessions", "POST", "sessions:create", "sessions", "create"),
    Route("/sessions/{session_id}", "GET", "sessions:get", "sessions", "get"),
    Route("/sessions/{session_id}", "POST", "sessions:replace", "sessions", "put"),
    Route("/sessions/{session_id}", "PATCH", "sessions:update", "sessions", "patch"),
    Route("/sessions/{session_id}", "DELETE", "sessions:delete", "sessions", "delete"),
    Route("/sessions/{session_id}/action", "POST", "sessions:action:create", "sessions", "act"),
    Route("/sessions/{session_id}/jobs/{job_id}", "PUT", "sessions:job:add", "sessions", "add_job"),
    Route("/sessions/{session_id}/jobs/{job_id}", "DELETE", "sessions:job:remove", "sessions", "remove_job"),
)

ROUTES_OF_V2 = (
    *ROUTES,
    Route("/backups/{backup_id}", "PATCH", "backups:update", "backups", "patch"),
)
