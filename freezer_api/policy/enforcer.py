"""oslo.policy behind the routes.

A decision is remembered for a few seconds: asking anew costs more than reading a document. As often the operator's
files are looked at; no request pays for that but the first of those seconds.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_policy import policy

from freezer_api.context import Caller
from freezer_api.errors import ConfigurationError, Forbidden
from freezer_api.policies import list_rules
from freezer_api.policy import policy_files

LOG = logging.getLogger(__name__)

REMEMBERED = 4.0
"""Seconds until a changed policy file counts for everybody."""

_MOST = 10_000
_CREDENTIALS = ("user_id", "project_id", "domain_id", "user_domain_id", "project_domain_id", "system_scope")

Decision = tuple[str, Caller, str]


class Enforcement:
    """The rules of ``policies`` with what the operator's policy files make of them.

    ``ConfigurationError`` names the file and the rule that cannot be used. If a later change cannot be used, an
    error is logged and the current rules stay in force.
    """

    def __init__(self, conf: cfg.ConfigOpts, clock: Callable[[], float] = time.monotonic) -> None:
        self._conf = conf
        # A tool of oslo.policy may say what is wrong with these files as well, but the reading is ours.
        self._enforcer = policy.Enforcer(conf, use_conf=False)
        self._enforcer.suppress_default_change_warnings = True
        self._enforcer.register_defaults(list_rules())
        self._clock = clock
        self._remembered: dict[Decision, bool] = {}
        self._until = clock() + REMEMBERED
        self._reading = threading.Lock()
        self._files = policy_files.found(conf)
        self._read()

    def knows(self, rule: str) -> bool:
        """Whether there is a rule of this name."""
        return rule in self._enforcer.registered_rules

    def require(self, rule: str, caller: Caller, project_id: str | None) -> None:
        """Raise ``Forbidden`` unless the caller may do this to documents of the project."""
        if not self.allows(rule, caller, project_id):
            raise Forbidden

    def allows(self, rule: str, caller: Caller, project_id: str | None) -> bool:
        """Whether the caller may do this to documents of the project."""
        if caller.project_id is None or project_id is None:
            return False
        if self._clock() >= self._until or len(self._remembered) >= _MOST:
            self._refresh()
        decision = (rule, caller, project_id)
        remembered = self._remembered
        allowed = remembered.get(decision)
        if allowed is None:
            allowed = remembered[decision] = self._decided(rule, caller, project_id)
        return allowed

    def _decided(self, rule: str, caller: Caller, project_id: str) -> bool:
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
                    LOG.error("The rules stay as they were: %s", error)  # noqa: TRY400 - its text says it all
            # A new one: what a request that is still running decides by the old rules goes into the old one.
            self._remembered = {}
            self._until = self._clock() + REMEMBERED

    def _read(self) -> None:
        checks = {default.name: default.check for default in self._enforcer.registered_rules.values()}
        checks |= policy_files.read(self._files, checks)
        rules = policy.Rules(checks, self._conf.oslo_policy.policy_default_rule)
        self._enforcer.set_rules(rules, overwrite=True, use_conf=False)
