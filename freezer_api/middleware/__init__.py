# SPDX-License-Identifier: Apache-2.0
"""WSGI middleware. A request passes, from the socket to the Falcon application:

1. The WSGI server: ``freezer-api`` (:mod:`freezer_api.server`), or uWSGI or mod_wsgi, which load
   :mod:`freezer_api.wsgi`. That module adds two wrappers of :mod:`bodies` that ``freezer-api`` does not need:
   one makes chunked bodies readable under uWSGI, the other reads the rest of a body that the application left
   unread, so that closing the connection does not reset it.
2. :func:`request_log.log_requests` assigns the request id, writes the access log line and turns an exception of
   anything behind it into a 500. It marks the paths that need no identity (:func:`dispatch.is_open`).
3. :func:`identity.strip_identity_headers` removes identity headers that the client sent. Only filters behind it
   can set them.
4. Without an ``authtoken`` filter in the paste pipeline, and with ``freezer-api --standalone``:
   :func:`standalone.serve_loopback_only` refuses requests from other machines, :func:`standalone.set_identity`
   sets the identity headers from the token, which it does not verify.
5. The filters of the section ``main`` of the paste file (:mod:`freezer_api.pipeline`) in the order of that file.
   In ``etc/freezer/freezer-paste.ini``:

   a. ``healthcheck`` responds to ``/healthcheck`` (:mod:`healthcheck`), and nothing below is called.
   b. ``http_proxy_to_wsgi``, of oslo.middleware, applies the headers of a proxy.
   c. ``versionsNegotiator`` responds to ``GET /`` (:mod:`freezer_api.compat.paste`).
   d. ``authtoken`` validates the token with Keystone and sets the identity headers (:mod:`auth_token`).
   e. ``context`` refuses requests without a confirmed identity with 401 (:func:`identity.require_identity`).
   f. ``backupapp`` dispatches ``/v1`` and ``/v2`` to their applications (:class:`dispatch.Mounts`).

   ``freezer-api --standalone`` reads no paste file: the health check and both versions follow directly.
6. The Falcon application (:mod:`freezer_api.api.application`), which checks the identity again, because the paste
   file is the operator's.

:func:`freezer_api.app.build` puts 2 to 4 around the pipeline. :mod:`responses` has the errors of them all.
"""
