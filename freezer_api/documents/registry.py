# SPDX-License-Identifier: Apache-2.0
"""The five kinds of document, by name."""

from freezer_api.documents.actions import ACTIONS
from freezer_api.documents.backups import BACKUPS
from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.jobs import JOBS
from freezer_api.documents.kind import Kind
from freezer_api.documents.sessions import SESSIONS

KINDS: tuple[Kind, ...] = (BACKUPS, CLIENTS, JOBS, ACTIONS, SESSIONS)
