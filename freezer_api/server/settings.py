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


def register(conf: cfg.ConfigOpts) -> None:
    """Register those of gunicorn's settings that the service does not describe itself."""
    known = set(conf[_GROUP])
    others = [cfg.StrOpt(setting.name) for setting in KNOWN_SETTINGS if setting.name not in known]
    conf.register_opts(others, group=_GROUP)


def server_settings(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Return the validated settings. Raises ``ConfigurationError``."""
    register(conf)
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
    for name in ("cert_file", "key_file", "ca_file"):
        if given[name] is not None:
            _check_readable(conf, name)
    try:
        # Pass an empty passphrase, because otherwise OpenSSL would ask for one on the terminal.
        context.load_cert_chain(given.cert_file, given.key_file, password="")
    except (ssl.SSLError, OSError) as error:
        raise option_error(conf, "ssl", "cert_file", f"cannot be used with its key, {_reason(error)}") from None
    if given.ca_file is not None:
        try:
            context.load_verify_locations(given.ca_file)
        except (ssl.SSLError, OSError) as error:
            raise option_error(conf, "ssl", "ca_file", f"contains no certificates, {_reason(error)}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    if given.ciphers is not None:
        try:
            context.set_ciphers(given.ciphers)
        except ssl.SSLError as error:
            raise option_error(conf, "ssl", "ciphers", f"no valid cipher, {_reason(error)}") from None
    return context


def _check_readable(conf: cfg.ConfigOpts, name: str) -> None:
    file = conf.ssl[name]
    try:
        with Path(file).open("rb"):
            pass
    except OSError as error:
        raise option_error(conf, "ssl", name, f"{file} cannot be read, {error.strerror}") from None


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error.args[0]).replace("_", " ").lower()
