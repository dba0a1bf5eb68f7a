"""oslo.policy behind the routes.

A decision is remembered for a few seconds: asking anew costs more than reading a document.
"""

import time
from collections.abc import Callable

from oslo_config import cfg
from oslo_policy import policy

from freezer_api.errors import Forbidden, StartFailed
from freezer_api.operations.caller import Caller
from freezer_api.policies import list_rules

REMEMBERED = 4.0
"""Seconds until a changed policy file counts for everybody."""

_MOST = 10_000
_CREDENTIALS = ("user_id", "project_id", "domain_id", "user_domain_id", "project_domain_id", "system_scope")

Decision = tuple[str, Caller, str]


class Enforcement:
    """The rules of ``policies`` with what the operator's policy files make of them."""

    def __init__(self, conf: cfg.ConfigOpts, clock: Callable[[], float] = time.monotonic) -> None:
        self._enforcer = policy.Enforcer(conf)
        self._enforcer.suppress_default_change_warnings = True
        self._enforcer.register_defaults(list_rules())
        self._clock = clock
        self._remembered: dict[Decision, bool] = {}
        self._until = 0.0

    def check(self) -> None:
        """Read the operator's policy files; ``StartFailed`` when one cannot be read as rules."""
        try:
            self._enforcer.load_rules()
        except (ValueError, OSError) as error:
            reason = " ".join(str(error).split())
            raise StartFailed(f"the policy file {self._enforcer.policy_path} cannot be used: {reason}") from None

    def require(self, rule: str, caller: Caller, project_id: str | None) -> None:
        """Raise ``Forbidden`` unless the caller may do this to documents of the project."""
        if not self.allows(rule, caller, project_id):
            raise Forbidden

    def allows(self, rule: str, caller: Caller, project_id: str | None) -> bool:
        """Whether the caller may do this to documents of the project."""
        if caller.project_id is None or project_id is None:
            return False
        now = self._clock()
        if now >= self._until or len(self._remembered) >= _MOST:
            self._remembered = {}
            self._until = now + REMEMBERED
        decision = (rule, caller, project_id)
        allowed = self._remembered.get(decision)
        if allowed is None:
            allowed = self._remembered[decision] = self._decided(rule, caller, project_id)
        return allowed

    def _decided(self, rule: str, caller: Caller, project_id: str) -> bool:
        credentials = {name: getattr(caller, name) for name in _CREDENTIALS}
        credentials |= {"roles": list(caller.roles), "is_admin": caller.is_admin}
        target = {"project_id": project_id, "user_id": caller.user_id}
        try:
            return bool(self._enforcer.authorize(rule, target, credentials, do_raise=True))
        except (policy.PolicyNotAuthorized, policy.InvalidScope):
            return False
