# SPDX-License-Identifier: Apache-2.0
"""Run the conversations of ``conversations/`` with the service. ``notation.py`` describes their format."""

import pytest

from tests.functional.client import Client
from tests.functional.notation import Conversation, load
from tests.functional.versions import V1, V2

HELD = [(version, conversation) for conversation in load() for version in (V1, V2) if conversation.is_for(version)]


@pytest.mark.parametrize(("version", "conversation"), HELD, ids=str)
def test_responses_of_the_conversation_are_the_expected_ones(conversation: Conversation, client: Client) -> None:
    conversation.hold(client)
