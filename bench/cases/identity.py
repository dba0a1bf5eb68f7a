# SPDX-License-Identifier: Apache-2.0
"""Measure the CPU time per request of each component between the socket and a resource.

Keystone is a real server. After the first request, the token is in the cache of the middleware.
"""

import gc
import io
import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import falcon
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_log import log
from oslo_middleware import HTTPProxyToWSGI
from oslo_policy import policy

from bench.context import Bench
from bench.rows import Row
from freezer_api import app, bootstrap
from freezer_api.context import Caller
from freezer_api.keystone import options as keystone
from freezer_api.middleware.auth_token import authenticate
from freezer_api.middleware.dispatch import Mounts
from freezer_api.middleware.identity import require_identity, strip_identity_headers
from freezer_api.middleware.request_log import log_requests
from freezer_api.policies import list_rules
from freezer_api.policy.enforcer import Enforcement
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.support.embedded import make_file
from tests.support.keystone import Keystone

CASE = "identity"

ROUNDS, REQUESTS = 30, 300
PASTE = Path(__file__).parents[2] / "etc/freezer/freezer-paste.ini"
AUTHTOKEN = "authtoken and a Falcon resource"
BARE = "authtoken and the API with its store"
FILTERS = "the same with the filters of this project"
ALONE = "the filters of this project and a resource of Falcon's, without authtoken"
MAX_ADDED = 60.0
"""Upper bound for the filters of this project, in microseconds per request."""

Stack = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Resource:
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = b"{}"


def _environ(token: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/v1/jobs",
        "QUERY_STRING": "limit=10",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "9090",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "localhost:9090",
        "HTTP_ACCEPT": "application/json",
        "HTTP_USER_AGENT": "python-requests",
        "CONTENT_TYPE": "application/json",
        "HTTP_X_AUTH_TOKEN": token,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _request(stack: Stack, environ: dict[str, Any], status: str) -> None:
    answered: list[str] = []
    b"".join(stack(dict(environ), lambda status, *_: answered.append(status)))
    if answered[0][:3] != status:
        raise SystemExit(f"answered {answered[0]} instead of {status}")


def _microseconds(stack: Stack, environ: dict[str, Any]) -> float:
    """Return the CPU time of one request in microseconds."""

    def answer(*_: Any) -> None:
        pass

    begun = time.process_time()
    for _ in range(REQUESTS):
        b"".join(stack(dict(environ), answer))
    return (time.process_time() - begun) / REQUESTS * 1e6


def measured(stacks: dict[str, Stack], environ: dict[str, Any]) -> dict[str, float]:
    """Return the minimum of several rounds for each stack, because other load on the machine only adds time."""
    found: dict[str, list[float]] = {name: [] for name in stacks}
    for _ in range(ROUNDS):
        for name, stack in stacks.items():
            gc.collect()
            found[name].append(_microseconds(stack, environ))
    return {name: min(values) for name, values in found.items()}


def _with_identity(inner: Stack, identity: Keystone) -> Stack:
    """Add the headers that authtoken sets, for stacks without authtoken."""
    headers = {
        "HTTP_X_IDENTITY_STATUS": "Confirmed",
        "HTTP_X_USER_ID": identity.user("alice"),
        "HTTP_X_PROJECT_ID": identity.project("library"),
        "HTTP_X_ROLES": "member",
    }

    def add_identity(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ.update(headers)
        return inner(environ, start_response)

    return add_identity


def _resource() -> Stack:
    application = falcon.App()
    application.add_route("/v1/jobs", Resource())
    return application


def _decisions(conf: cfg.ConfigOpts) -> tuple[float, float]:
    """Return the microseconds of a policy decision by oslo.policy, and of a cached decision."""
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(list_rules())
    credentials = {"roles": ["member"], "project_id": "p", "user_id": "u"}
    rules, caller = Enforcement(conf), Caller("u", project_id="p", roles=("member",))

    def bare() -> None:
        enforcer.authorize("jobs:get_all", {"project_id": "p"}, dict(credentials))

    def ours() -> None:
        rules.allows("jobs:get_all", caller, "p")

    def timed(call: Callable[[], None]) -> float:
        call()
        begun = time.process_time()
        for _ in range(REQUESTS):
            call()
        return (time.process_time() - begun) / REQUESTS * 1e6

    return timed(bare), timed(ours)


def run(bench: Bench) -> Iterator[Row]:
    """Measure the pipeline with a real Keystone, once, because the result does not depend on the store."""
    if not bench.is_embedded:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        directory = bench.new_directory()
        identity = Keystone(directory / "keystone")
        try:
            yield from _rows(identity.start(), directory)
        finally:
            identity.kill()


def _rows(identity: Keystone, directory: Path) -> Iterator[Row]:
    token = identity.token("alice", "library", "member")
    file = directory / "freezer-api.conf"
    file.write_text(
        f"[DEFAULT]\nlog_file = {directory}/freezer-api.log\n[paste_deploy]\nconfig_file = {PASTE}\n"
        f"{identity.section()}"
    )
    conf = cfg.CONF
    bootstrap.configure(conf, ["--config-file", str(file)])
    bootstrap.set_up_logging(conf)
    keystone.register(conf)
    with closing(SQLiteRepository(make_file(directory / "freezer.sqlite"))) as repository, _caches() as caches:
        api = app.ApplicationFactory(conf, repository).api()
        versions = app.ApplicationFactory(conf, repository)
        protocol = auth_token.AuthProtocol(api, {"oslo_config_config": conf})
        mounts = Mounts({"/v1": versions.version("/v1")}, versions.versions())
        around = auth_token.AuthProtocol(partial(require_identity, mounts), {"oslo_config_config": conf})
        resource = _resource()
        authenticated = _with_identity(partial(require_identity, Mounts({}, resource)), identity)
        stacks: dict[str, Stack] = {
            "a resource of Falcon's": resource,
            "http_proxy_to_wsgi and a resource of Falcon's": HTTPProxyToWSGI(resource, {}),
            AUTHTOKEN: auth_token.AuthProtocol(resource, {"oslo_config_config": conf}),
            BARE: protocol,
            FILTERS: partial(log_requests, partial(strip_identity_headers, partial(authenticate, mounts, around))),
            "the pipeline as a whole": app.build(conf, repository).app,
            ALONE: partial(log_requests, partial(strip_identity_headers, authenticated)),
        }
        stacks |= {
            f"{AUTHTOKEN}, {cache}": auth_token.AuthProtocol(resource, {"oslo_config_config": conf, **settings})
            for cache, settings in caches.items()
        }
        environ = _environ(token)
        for stack in stacks.values():
            _request(stack, environ, "200")
        # Freeze the existing objects before the first measured request, as the server does.
        gc.collect()
        gc.freeze()
        found, (decision, cached) = measured(stacks, environ), _decisions(conf)
        ms = _validated(conf, environ)
    log.getLogger(None).logger.handlers.clear()
    for name, value in found.items():
        yield Row(CASE, name, "CPU µs", value)
    yield Row(CASE, "a decision of oslo.policy", "CPU µs", decision)
    yield Row(CASE, "a cached decision", "CPU µs", cached)
    yield Row(CASE, "validation of a token that is not cached", "ms", ms)
    note = "filters of this project, with the access line and the decision"
    floor = found["a resource of Falcon's"]
    for place, added in (("within the pipeline", found[FILTERS] - found[BARE]), ("alone", found[ALONE] - floor)):
        yield Row(CASE, f"added by the service, {place}", "CPU µs", added + cached, goal=MAX_ADDED, note=note)


@contextmanager
def _caches() -> Iterator[dict[str, dict[str, str]]]:
    """Return the settings of the middleware for memcached by label; empty if memcached is not installed."""
    program = shutil.which("memcached")
    if program is None:
        yield {}
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "-l", "127.0.0.1", "-p", str(port), "-u", "nobody"]
    shared = {"memcached_servers": f"127.0.0.1:{port}"}
    encrypted = {"memcache_security_strategy": "ENCRYPT", "memcache_secret_key": "secret"}
    with subprocess.Popen(command) as process:
        yield {"cached by memcached": shared, "cached by memcached, encrypted": shared | encrypted}
        process.terminate()


def _validated(conf: cfg.ConfigOpts, environ: dict[str, Any]) -> float:
    """Return the milliseconds of a request whose token Keystone validates."""
    uncached = auth_token.AuthProtocol(_resource(), {"oslo_config_config": conf, "token_cache_time": "-1"})
    _request(uncached, environ, "200")
    begun = time.perf_counter()
    for _ in range(10):
        _request(uncached, environ, "200")
    return (time.perf_counter() - begun) / 10 * 1e3
