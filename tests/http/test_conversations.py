"""The conversations of ``conversations/``, held with the wired service. ``notation.py`` says how to read them."""

import pytest

from tests.http.client import Client
from tests.http.notation import Conversation, load


@pytest.mark.parametrize("conversation", load(), ids=str)
def test_conversation(conversation: Conversation, client: Client) -> None:
    conversation.hold(client)
