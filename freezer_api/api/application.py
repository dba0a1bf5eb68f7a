# SPDX-License-Identifier: Apache-2.0
"""The Falcon application: routes, resources and policy rules."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import falcon

from freezer_api.api import discovery, errors
from freezer_api.api.list_limiter import ListLimiter
from freezer_api.api.page_positions import PagePositions
from freezer_api.api.version import Version
from freezer_api.api.wire import Exchange
from freezer_api.documents.fields import is_id
from freezer_api.documents.limits import Limits
from freezer_api.middleware.identity import caller_of
from freezer_api.policies import OTHER_PROJECTS
from freezer_api.policy.enforcer import Enforcement
from freezer_api.routes import Route

App = falcon.App[falcon.Request, falcon.Response]
Responder = Callable[..., None]

_JSON_ACCEPTED = frozenset(("*/*", "application/json"))


class _Checks:
    """Check the identity and the method of each request before it is routed."""

    def __init__(self, mount: str) -> None:
        # Only the list of versions needs no identity.
        self._open = None if mount else "/"

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        if req.path != self._open:
            req.context.caller = caller_of(req.env)
        if "//" in req.path or req.path[1:].endswith("/"):
            # Ids are not empty. Falcon has removed a single trailing slash.
            raise falcon.HTTPRouteNotFound

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, resource: Any, _params: dict[str, Any]
    ) -> None:
        # Without this check Falcon would respond to unknown methods with 400.
        if req.method not in resource.methods:
            raise falcon.HTTPMethodNotAllowed(resource.methods)


@dataclass(frozen=True)
class Application:
    """Builds applications. ``resources``: by the names in routes. ``offered``: the paths that ``GET /`` lists."""

    resources: Mapping[str, object]
    enforcement: Enforcement
    limits: Limits
    list_limiter: ListLimiter
    positions: PagePositions
    offered: Collection[str]

    def build(self, versions: Iterable[Version], mount: str = "") -> App:
        """Return an application that serves these versions.

        ``mount`` is the prefix of the paths below which the application is mounted.
        """
        app = falcon.App(middleware=[_Checks(mount)])
        app.req_options.strip_url_path_trailing_slash = True
        app.resp_options.default_media_type = falcon.MEDIA_JSON
        errors.install(app)
        for path, responders in self._paths(versions).items():
            if path.startswith(mount):
                self._add(app, path.removeprefix(mount) or "/", responders)
        return app

    def _paths(self, versions: Iterable[Version]) -> Mapping[str, dict[str, Responder]]:
        by_path: dict[str, dict[str, Responder]] = defaultdict(dict)
        by_path["/"]["GET"] = partial(discovery.list_versions, self.offered)
        for version in versions:
            by_path[version.mount]["GET"] = partial(discovery.show_home, version.home)
            for route in version.routes:
                by_path[version.prefix + route.path][route.method] = self._responder(version, route)
        return by_path

    def _responder(self, version: Version, route: Route) -> Responder:
        handler = getattr(self.resources[route.resource], route.handler)
        if not self.enforcement.knows(route.rule):
            raise LookupError(f"no policy has the rule {route.rule} of {route.method} {route.path}")

        def respond(req: falcon.Request, resp: falcon.Response, project_id: str | None = None, **ids: str) -> None:
            accept = req.env.get("HTTP_ACCEPT")
            if accept and accept not in _JSON_ACCEPTED and not req.client_accepts_json:
                raise falcon.HTTPNotAcceptable
            exchange = Exchange(
                req,
                resp,
                version,
                self.limits,
                self.list_limiter,
                self.positions,
                self.enforcement,
                project_id=project_id,
            )
            exchange.require(route.rule)
            if exchange.scope.project_id != exchange.caller.project_id:
                # A policy file that opens a rule to everyone opens it within the project of the token only.
                exchange.require(OTHER_PROJECTS)
                if not is_id(project_id or ""):
                    raise falcon.HTTPRouteNotFound
            handler(exchange, *ids.values())

        return respond

    @staticmethod
    def _add(app: App, path: str, responders: Mapping[str, Responder]) -> None:
        """Add the methods of a path. All others except OPTIONS are refused with 405."""
        methods = [*responders, "OPTIONS"]
        allow = ", ".join(methods)

        def on_options(_req: falcon.Request, resp: falcon.Response, **_path: Any) -> None:
            resp.set_header("Allow", allow)
            resp.set_header("Content-Length", "0")

        offered = {**responders, "OPTIONS": on_options}
        named = {f"on_{method.lower()}": responder for method, responder in offered.items()}
        app.add_route(path, SimpleNamespace(methods=methods, **named))
