# SPDX-License-Identifier: Apache-2.0
"""Authorize requests with oslo.policy.

Decisions are cached for some seconds (ADR 0005), because an evaluation costs more than reading a document. When
they expire, the operator's policy files are checked for changes.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_policy import policy

from freezer_api.context import Caller
from freezer_api.errors import ConfigurationError
from freezer_api.policies import list_rules
from freezer_api.policy import policy_files

LOG = logging.getLogger(__name__)

RELOAD_INTERVAL = 4.0
"""Seconds after which a changed policy file takes effect at the latest."""

MAX_DECISIONS = 10_000
"""Maximum number of decisions in the cache."""

_CREDENTIALS = ("user_id", "project_id", "domain_id", "user_domain_id", "project_domain_id", "system_scope")


class Enforcement:
    """Evaluate the rules of ``policies``, which the operator's policy files override.

    Raises ``ConfigurationError`` that names the file and the rule if a file is invalid. If a later change is
    invalid, an error is logged and the current rules stay in force.
    """

    def __init__(self, conf: cfg.ConfigOpts, clock: Callable[[], float] = time.monotonic) -> None:
        self._conf = conf
        # With use_conf the library would read the files itself, at each decision.
        self._enforcer = policy.Enforcer(conf, use_conf=False)
        self._enforcer.suppress_default_change_warnings = True
        self._enforcer.register_defaults(list_rules())
        self._clock = clock
        self._decisions: dict[tuple[str, Caller, str], bool] = {}
        self._until = clock() + RELOAD_INTERVAL
        self._reading = threading.Lock()
        self._files = policy_files.found(conf)
        self._read()

    def knows(self, rule: str) -> bool:
        """Return whether a rule of this name exists."""
        return rule in self._enforcer.registered_rules

    def allows(self, rule: str, caller: Caller, project_id: str | None) -> bool:
        """Return whether the caller may do this to documents of the project."""
        if caller.project_id is None or project_id is None:
            return False
        if self._clock() >= self._until or len(self._decisions) >= MAX_DECISIONS:
            self._refresh()
        decision = (rule, caller, project_id)
        decisions = self._decisions
        allowed = decisions.get(decision)
        if allowed is None:
            allowed = decisions[decision] = self._evaluate(rule, caller, project_id)
        return allowed

    def _evaluate(self, rule: str, caller: Caller, project_id: str) -> bool:
        credentials: dict[str, Any] = {name: getattr(caller, name) for name in _CREDENTIALS}
        credentials |= {"roles": list(caller.roles), "is_admin": caller.is_admin}
        target = {"project_id": project_id, "user_id": caller.user_id}
        try:
            return bool(self._enforcer.authorize(rule, target, credentials, do_raise=True))
        except (policy.PolicyNotAuthorized, policy.InvalidScope):
            return False

    def _refresh(self) -> None:
        with self._reading:
            files = policy_files.found(self._conf)
            if files != self._files:
                self._files = files
                try:
                    self._read()
                except ConfigurationError as error:
                    LOG.error("Keeping the current policy rules: %s", error)  # noqa: TRY400 - the message is complete
            # Replace the dictionary, because a concurrent request may still add a decision of the old rules to it.
            self._decisions = {}
            self._until = self._clock() + RELOAD_INTERVAL

    def _read(self) -> None:
        checks = {default.name: default.check for default in self._enforcer.registered_rules.values()}
        checks |= policy_files.read(self._files, checks)
        rules = policy.Rules(checks, self._conf.oslo_policy.policy_default_rule)
        self._enforcer.set_rules(rules, overwrite=True, use_conf=False)
