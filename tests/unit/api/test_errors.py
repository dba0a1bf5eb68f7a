# SPDX-License-Identifier: Apache-2.0
"""The table of errors covers every error that a request can raise."""

import importlib
import pkgutil
import warnings
from collections.abc import Iterator
from types import SimpleNamespace

import falcon
import falcon.testing
import pytest

import freezer_api
from freezer_api import errors
from freezer_api.api.errors import TABLE, install

AT_START = {errors.CommandError, errors.ConfigurationError}
ONLY_SUBCLASSES_ARE_RAISED = {errors.LimitReached}


def _below(error: type[errors.FreezerError]) -> Iterator[type[errors.FreezerError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _below(subclass)


def _import_everything() -> None:
    with warnings.catch_warnings():
        # Load libraries first, so that their own errors are not counted.
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(freezer_api.__path__, "freezer_api."):
            if ".migrations" not in module.name and not module.name.endswith(("wsgi", "uwsgi")):
                importlib.import_module(module.name)


def _answer(error: BaseException) -> falcon.testing.Result:
    class Resource:
        def on_get(self, req: falcon.Request, _resp: falcon.Response) -> None:
            req.context.caller = SimpleNamespace(project_id="p")
            raise error

    app = falcon.App()
    install(app)
    app.add_route("/", Resource())
    return falcon.testing.TestClient(app).simulate_get("/")


def test_every_error_is_in_the_table() -> None:
    ours = {error for error in _below(errors.FreezerError) if error.__module__ == errors.__name__}
    assert set(TABLE) == ours - AT_START - ONLY_SUBCLASSES_ARE_RAISED


def test_subclasses_have_the_status_of_their_parent() -> None:
    _import_everything()
    subclasses = [
        error
        for error in _below(errors.FreezerError)
        if error not in ONLY_SUBCLASSES_ARE_RAISED and not issubclass(error, errors.CommandError)
    ]
    assert len(subclasses) > len(TABLE)
    for kind in subclasses:
        error = kind.__new__(kind)
        Exception.__init__(error, "because")
        parent = next(base for base in kind.__mro__ if base in TABLE)
        answer = _answer(error)
        assert (answer.status, answer.json["title"]) == TABLE[parent], kind
        assert ("Retry-After" in answer.headers) == (answer.status_code in (429, 503))


def test_command_error_is_500_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    class Later(errors.CommandError):
        pass

    for kind in (errors.CommandError, Later, errors.FreezerError):
        answer = _answer(kind("/etc/freezer/secret.conf is broken"))
        assert answer.status == falcon.HTTP_500
        assert "secret.conf" not in answer.text
        assert "secret.conf is broken" in caplog.text
        caplog.clear()
