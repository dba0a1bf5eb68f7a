# SPDX-License-Identifier: Apache-2.0
"""The factories that paste files load.

The files in ``tests/compat/deployers`` load them from these paths, where thin modules re-export them:

=============================================================  ====================================================
path                                                           paste files
=============================================================  ====================================================
``freezer_api.service:freezer_app_factory``                    E1 (2015), also as ``egg:freezer-api#service_v1``
``freezer_api.service:freezer_appv1_factory``                  E2 (kolla, Debian), openstack-helm, genestack, ours
``freezer_api.service:freezer_appv2_factory``                  E2, E3 (openstack-ansible, devstack), helm, ours
``freezer_api.service:root_app_factory``                       E2, E3, helm, ours
``freezer_api.api.versions:api_versions``                      E2, E3, helm, ours
``freezer_api.api.versions:VersionNegotiator.factory``         E2, E3, helm, ours
``freezer_api.api.common.middleware:ContextMiddleware``        all
``freezer_api.api.common.middleware:HealthApp``                E1
=============================================================  ====================================================

``freezer_api.service:initialize_app`` is called by the WSGI script of releases before 18.0, and
``freezer_api/cmd/wsgi.py`` is loaded as a file by kolla's Apache and old uWSGI files.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from freezer_api.middleware.dispatch import ExactPath, Mounts
from freezer_api.middleware.identity import require_identity

Filter = Callable[[WSGIApplication], WSGIApplication]

APPLICATION_FACTORY = "freezer_api.application_factory"
"""The key of the ``app.ApplicationFactory`` in the global settings that each factory is called with."""


def freezer_app_factory(global_conf: dict[str, Any], **_settings: str) -> WSGIApplication:
    """Return all versions, ``GET /`` and the health check."""
    return cast("WSGIApplication", global_conf[APPLICATION_FACTORY].whole())


def freezer_appv1_factory(global_conf: dict[str, Any], **_settings: str) -> WSGIApplication:
    """Return version 1, to be mounted below a path."""
    return cast("WSGIApplication", global_conf[APPLICATION_FACTORY].version("/v1"))


def freezer_appv2_factory(global_conf: dict[str, Any], **_settings: str) -> WSGIApplication:
    """Return version 2, to be mounted below a path."""
    return cast("WSGIApplication", global_conf[APPLICATION_FACTORY].version("/v2"))


def root_app_factory(loader: Any, global_conf: dict[str, Any], **mounts: str) -> WSGIApplication:
    """Return a dispatcher. Each setting is a path and the name of the section with its application.

    A version that the configuration disables is not mounted, and its section is not loaded.
    """
    factory = global_conf[APPLICATION_FACTORY]
    root = mounts.pop("/", None)
    apps = {
        path.rstrip("/"): loader.get_app(name, global_conf=global_conf)
        for path, name in mounts.items()
        if path.rstrip("/") not in ("/v1", "/v2") or factory.offers(path.rstrip("/"))
    }
    return Mounts(apps, factory.versions() if root is None else loader.get_app(root, global_conf=global_conf))


def api_versions(global_conf: dict[str, Any], **_settings: str) -> WSGIApplication:
    """Return the application of ``GET /``."""
    return cast("WSGIApplication", global_conf[APPLICATION_FACTORY].versions())


class VersionNegotiator:
    """Respond to ``/`` with the list of versions. The filter precedes ``authtoken``, so ``/`` needs no token."""

    @staticmethod
    def factory(global_conf: dict[str, Any], **settings: str) -> Filter:
        versions = api_versions(global_conf, **settings)
        return lambda app: ExactPath("", versions, app)


class ContextMiddleware:
    """Refuse requests without a confirmed identity. The filter follows ``authtoken``."""

    @staticmethod
    def factory(_global_conf: Any, **_settings: str) -> Filter:
        return lambda app: partial(require_identity, app)


class HealthApp:
    """Respond with 200 and an empty body to ``/v1/health``, which load balancers of the first releases probe."""

    @staticmethod
    def factory(_global_conf: Any, **_settings: str) -> Filter:
        return lambda app: ExactPath("/v1/health", _respond_empty, app)


def _respond_empty(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []
