# SPDX-License-Identifier: Apache-2.0
"""The settings of gunicorn, from the configuration."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gunicorn.config import KNOWN_SETTINGS, Config
from oslo_config import cfg

from freezer_api.conf.reading import option_error

MAX_WORKERS = 4

_GROUP = "gunicorn"
_REFUSED = {
    "bind": "set bind_host and bind_port instead",
    "workers": "set [DEFAULT] workers instead",
    "threads": "set [DEFAULT] threads instead",
    "daemon": "the service stays in the foreground",
    **dict.fromkeys(
        ("config", "wsgi_app", "worker_class", "logger_class", "preload_app", "reload", "paste", "reuse_port"),
        "the service sets it",
    ),
    **dict.fromkeys(("http_protocols", "http2_cleartext", "protocol"), "the service supports HTTP/1.1 only"),
    **{setting.name: "set the options of [ssl] instead" for setting in KNOWN_SETTINGS if setting.section == "SSL"},
}
"""Settings of gunicorn that are refused in ``[gunicorn]``, with the reason."""


def server_settings(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Return the validated settings. Raises ``ConfigurationError``."""
    known = set(conf[_GROUP])
    others = [cfg.StrOpt(setting.name) for setting in KNOWN_SETTINGS if setting.name not in known]
    conf.register_opts(others, group=_GROUP)
    settings = {
        "workers": conf.workers or min(os.cpu_count() or 1, MAX_WORKERS),
        "threads": conf.threads,
        "loglevel": "warning",
        "errorlog": None,
        "limit_request_line": 8190,
        # gunicorn's default with the path in place of the request line, whose query string may hold secrets.
        "access_log_format": '%(h)s %(l)s %(u)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s "%(f)s" "%(a)s"',
        # Trust no proxy here, because oslo_middleware decides which proxies are trusted.
        "forwarded_allow_ips": "",
        **_tls(conf),
    }
    scratch = Config()
    for setting in KNOWN_SETTINGS:
        value = conf[_GROUP][setting.name]
        if value is None:
            continue
        if setting.name in _REFUSED:
            raise option_error(conf, "gunicorn", setting.name, f"it cannot be set: {_REFUSED[setting.name]}")
        try:
            scratch.set(setting.name, _typed(setting, value))
        except Exception as error:  # noqa: BLE001 - each setting has a check of its own
            raise option_error(conf, "gunicorn", setting.name, str(error)) from None
        settings[setting.name] = scratch.settings[setting.name].get()
    return settings


def _typed(setting: Any, value: Any) -> Any:
    """Convert a value as gunicorn's command line does."""
    if setting.type is not None and isinstance(value, str):
        return setting.type(value)
    if setting.action == "append":
        return [value]
    return value


def _tls(conf: cfg.ConfigOpts) -> Mapping[str, Any]:
    given = conf.ssl
    if given.cert_file is None:
        for name in ("key_file", "ca_file", "ciphers"):
            if given[name] is not None:
                raise option_error(conf, "ssl", name, "has no effect without cert_file")
        return {}
    context = _context(conf)
    return {
        "certfile": given.cert_file,
        # Create the TLS context once, because gunicorn would read the files for every connection.
        "ssl_context": lambda _config, _default: context,
    }


def _context(conf: cfg.ConfigOpts) -> ssl.SSLContext:
    given = conf.ssl
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # OpenSSL does not name the file that it cannot read.
    for name in ("cert_file", "key_file", "ca_file"):
        try:
            if given[name] is not None:
                Path(given[name]).open("rb").close()
        except OSError as error:
            raise option_error(conf, "ssl", name, f"{given[name]} cannot be read, {error.strerror}") from None
    name = "cert_file"
    try:
        # Pass an empty passphrase, because otherwise OpenSSL would ask for one on the terminal.
        context.load_cert_chain(given.cert_file, given.key_file, password="")
        name = "ca_file"
        if given.ca_file is not None:
            context.load_verify_locations(given.ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        name = "ciphers"
        if given.ciphers is not None:
            context.set_ciphers(given.ciphers)
    except OSError as error:
        reason = str(getattr(error, "reason", None) or error.strerror or error.args[0]).replace("_", " ").lower()
        raise option_error(conf, "ssl", name, f"cannot be used, {reason}") from None
    return context
