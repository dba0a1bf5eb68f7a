# SPDX-License-Identifier: Apache-2.0
"""Read the configuration, set up logging and find the store, for every command and WSGI application."""

import configparser
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from importlib.util import find_spec

from oslo_config import cfg
from oslo_log import log

from freezer_api import stores
from freezer_api.conf import opts, reading
from freezer_api.conf.obsolete import find_obsolete
from freezer_api.conf.unknown import find_unknown
from freezer_api.errors import ConfigurationError

LOG = logging.getLogger(__name__)

PROGRAM = "freezer-api"


class UsageError(Exception):
    """The command line is invalid."""


def configure(conf: cfg.ConfigOpts, arguments: Sequence[str]) -> None:
    """Read the configuration of the service: the command line ``arguments`` and the files."""
    # Register the arguments first, because later options of the same name are ignored.
    conf.register_cli_opts([*opts.BIND, *opts.SERVER, *opts.STANDALONE])
    opts.register(conf)
    about = "The REST service of OpenStack Freezer, in the foreground until a signal."
    reading.read(conf, arguments, PROGRAM, about)
    for option in opts.STANDALONE:
        # In a file these options could disable the verification of tokens at a reload, at a public address.
        location = conf.get_location(option.dest)
        if location is not None and location.location in (cfg.Locations.user, cfg.Locations.environment):
            reason = f"it is only valid on the command line, as --{option.name}"
            raise reading.option_error(conf, "DEFAULT", option.dest, reason)


def set_up(conf: cfg.ConfigOpts, *quiet: str, program: str = PROGRAM) -> None:
    """Set up logging, check the values of all registered options, and warn of obsolete and unknown ones.

    Raises ``ConfigurationError`` for the first invalid value.
    """
    reading.check_values(conf, "DEFAULT")
    set_up_logging(conf, *quiet, program=program)
    reading.check_values(conf)
    for line in (*find_obsolete(conf), *find_unknown(conf, libraries=program == PROGRAM)):
        LOG.warning(line)


def find_store(conf: cfg.ConfigOpts) -> stores.Store:
    """Return the embedded store in ``--data-dir``, otherwise the store that the configuration files select.

    Raises ``ConfigurationError`` if they are different stores.
    """
    named = stores.find_store(conf)
    if not conf.data_dir:
        return named
    embedded = stores.embedded_store(conf.data_dir, named.max_values)
    if not isinstance(named, stores.SQLiteStore) or (named.path != embedded.path and not named.embedded):
        raise ConfigurationError(
            f"--data-dir names another store than the configuration, {named}: remove one of them"
        )
    return embedded


_NEEDED = {
    "use_journal": ("systemd", "systemd-python"),
    "publish_errors": ("oslo_messaging", "oslo.messaging"),
}
"""Options of the log that need an optional package, with the module and the name of the package."""


def _describe_log_error(file: str | None, error: Exception) -> str:
    """Return why logging cannot be set up, in one line that names the logging file if there is one.

    The message contains no line of the file, because it may be a password of a handler.
    """
    reason = str(error)
    cause = error.__context__ if isinstance(error, log.LogConfigError) else error
    if isinstance(cause, KeyError):
        reason = f"{cause} is missing"
    elif isinstance(cause, configparser.Error | RuntimeError):
        reason = "it is empty, or a line is neither [section] nor name = value"
    elif isinstance(cause, OSError):
        reason = f"{cause.filename or file}: {cause.strerror}"
    prefix = f"{file}: " if file and not reason.startswith(file) else ""
    return prefix + " ".join(reason.split())


def set_log_defaults(conf: cfg.ConfigOpts, *quiet: str) -> None:
    """Set this service's defaults of oslo.log's options. ``quiet``: additional levels for loggers."""
    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), *opts.QUIET, *quiet])
    conf.set_default("use_stderr", not (conf.log_dir or conf.log_file or conf.use_journal or conf.use_syslog))


def set_up_logging(conf: cfg.ConfigOpts, *quiet: str, program: str = PROGRAM) -> None:
    """Set up logging as configured, by default to stderr. ``quiet``: additional levels for loggers.

    Raises ``ConfigurationError`` if a destination of the log cannot be opened.
    """
    # Log files, also rotated ones, must not be readable for every account. oslo.log has no option for their mode.
    os.umask(os.umask(0o077) | 0o027)
    without = [name for name, (module, _) in _NEEDED.items() if conf[name] and find_spec(module) is None]
    # Older releases of oslo.log have the option watch_log_file, and fail if it is set.
    for name in {*without, "watch_log_file"} & {*conf}:
        conf.set_override(name, False)
    set_log_defaults(conf, *quiet)
    if conf.log_dir and not conf.log_file:
        # By default oslo.log would name the file after the WSGI server.
        conf.set_override("log_file", f"{program}.log")
    # Other programs read the stdout of commands, so a logging file cannot send the log there.
    place = redirect_stdout(sys.stderr) if program != PROGRAM else nullcontext()
    try:
        with place:
            log.setup(conf, program)
    except Exception as error:  # noqa: BLE001 - a logging file may name any class and hold any expression
        raise ConfigurationError(
            f"cannot log as configured: {_describe_log_error(conf.log_config_append, error)}"
        ) from None
    for name in without:
        package = _NEEDED[name][1]
        LOG.warning("%s needs the package %s, which is not installed; the option is ignored", name, package)
    logging.captureWarnings(capture=True)
    # Logging files have a section for "freezer" or for "freezer_api". Both get the lines of this service, and the
    # warnings of oslo.config.
    for name in ("freezer_api", "oslo_config"):
        logging.getLogger(name).parent = logging.getLogger("freezer")
