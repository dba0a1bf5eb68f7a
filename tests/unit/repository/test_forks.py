# SPDX-License-Identifier: Apache-2.0
"""Objects are renewed in forked processes, as long as they exist."""

import os
from collections.abc import Callable

import pytest

from freezer_api.repository.forks import call_after_fork


class Owner:
    renewed = 0

    def renew(self) -> None:
        self.renewed += 1


def test_only_existing_objects_are_renewed_in_a_forked_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_children: list[Callable[[], None]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda *, after_in_child: in_children.append(after_in_child))
    owner, deleted = Owner(), Owner()
    call_after_fork(Owner.renew, owner)
    call_after_fork(Owner.renew, deleted)
    del deleted
    for call in in_children:
        call()
    assert (owner.renewed, len(in_children)) == (1, 2)
