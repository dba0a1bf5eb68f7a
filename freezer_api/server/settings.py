"""What the configuration says to gunicorn."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gunicorn.config import KNOWN_SETTINGS, Config
from oslo_config import cfg

from freezer_api.conf.reading import option_error

MOST_WORKERS = 4

_GROUP = "gunicorn"
_DECIDED = {
    "bind": "bind_host and bind_port say it",
    "workers": "[DEFAULT] workers says it",
    "threads": "[DEFAULT] threads says it",
    "daemon": "the service stays in the foreground",
    **dict.fromkeys(
        ("config", "wsgi_app", "worker_class", "logger_class", "preload_app", "reload", "paste", "reuse_port"),
        "the service itself decides it",
    ),
    **dict.fromkeys(("http_protocols", "http2_cleartext", "protocol"), "the service speaks HTTP/1.1"),
    **{setting.name: "[ssl] says it" for setting in KNOWN_SETTINGS if setting.section == "SSL"},
}
"""Settings that are not to be had by their own name, and why."""


def register(conf: cfg.ConfigOpts) -> None:
    """Make all of gunicorn's settings known to ``conf``, where the service does not describe them itself."""
    known = set(conf[_GROUP])
    others = [cfg.StrOpt(setting.name) for setting in KNOWN_SETTINGS if setting.name not in known]
    conf.register_opts(others, group=_GROUP)


def server_settings(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """The settings, checked; ``ConfigurationError`` names the one that is wrong."""
    register(conf)
    made = {
        "workers": conf.workers or min(os.cpu_count() or 1, MOST_WORKERS),
        "threads": conf.threads,
        "loglevel": "warning",
        "errorlog": None,
        "limit_request_line": 8190,
        # gunicorn's default with the path in place of the request line, whose query string may hold secrets.
        "access_log_format": '%(h)s %(l)s %(u)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s "%(f)s" "%(a)s"',
        # Who speaks for others is oslo_middleware's question, not the server's.
        "forwarded_allow_ips": "",
        **_tls(conf),
    }
    scratch = Config()
    for setting in KNOWN_SETTINGS:
        value = conf[_GROUP][setting.name]
        if value is None:
            continue
        if setting.name in _DECIDED:
            raise option_error(conf, "gunicorn", setting.name, f"it cannot be set: {_DECIDED[setting.name]}")
        try:
            scratch.set(setting.name, _typed(setting, value))
        except Exception as error:  # noqa: BLE001 - each setting has a check of its own
            raise option_error(conf, "gunicorn", setting.name, str(error)) from None
        made[setting.name] = scratch.settings[setting.name].get()
    return made


def _typed(setting: Any, value: Any) -> Any:
    """The value as gunicorn's command line would have it."""
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
                raise option_error(conf, "ssl", name, "means nothing without cert_file")
        return {}
    context = _context(conf)
    return {
        "certfile": given.cert_file,
        # Made once: gunicorn would read the files for every connection.
        "ssl_context": lambda _config, _default: context,
    }


def _context(conf: cfg.ConfigOpts) -> ssl.SSLContext:
    given = conf.ssl
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for name in ("cert_file", "key_file", "ca_file"):
        if given[name] is not None:
            _check_readable(conf, name)
    try:
        # Nobody is there to be asked for a passphrase.
        context.load_cert_chain(given.cert_file, given.key_file, password="")
    except (ssl.SSLError, OSError) as error:
        raise option_error(conf, "ssl", "cert_file", f"cannot be used with its key, {_words(error)}") from None
    if given.ca_file is not None:
        try:
            context.load_verify_locations(given.ca_file)
        except (ssl.SSLError, OSError) as error:
            raise option_error(conf, "ssl", "ca_file", f"has no certificates, {_words(error)}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    if given.ciphers is not None:
        try:
            context.set_ciphers(given.ciphers)
        except ssl.SSLError as error:
            raise option_error(conf, "ssl", "ciphers", f"there are none, {_words(error)}") from None
    return context


def _check_readable(conf: cfg.ConfigOpts, name: str) -> None:
    file = conf.ssl[name]
    try:
        with Path(file).open("rb"):
            pass
    except OSError as error:
        raise option_error(conf, "ssl", name, f"{file} cannot be read, {error.strerror}") from None


def _words(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error.args[0]).replace("_", " ").lower()
