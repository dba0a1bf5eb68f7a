"""What every way of serving does first: read the configuration, and begin to log."""

import configparser
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

from oslo_config import cfg
from oslo_log import _options as log_options
from oslo_log import log

import freezer_api
from freezer_api import stores
from freezer_api.conf import obsolete, opts, reading, search_path, unknown
from freezer_api.errors import CommandError, ConfigurationError

LOG = logging.getLogger(__name__)

PROGRAM = "freezer-api"

ABOUT = "The REST service of OpenStack Freezer, in the foreground until a signal."

_EPILOG = (
    "Without --config-file, freezer.conf and freezer-api.conf are read, each from the first of ~/.freezer, ~, "
    "/etc/freezer and /etc that has it. OS_FREEZER_CONFIG_FILES names others, with semicolons between them."
)

FILES = "OS_FREEZER_CONFIG_FILES"
"""The variable with the names of configuration files, for servers whose command line is not ours."""


class UsageError(Exception):
    """The command line asks for something that there is not."""


def configure(conf: cfg.ConfigOpts, arguments: Sequence[str]) -> None:
    """Read what the service is started with: the command line, as which ``arguments`` count, and the files."""
    opts.register_arguments(conf)
    opts.register(conf)
    read(conf, arguments, PROGRAM, ABOUT)
    for option in opts.STANDALONE:
        # A reload reads the files again, for a socket that may be there for everybody.
        location = conf.get_location(option.dest)
        if location is not None and location.location in (cfg.Locations.user, cfg.Locations.environment):
            reason = f"it is for the command line alone, as --{option.name}"
            raise reading.wrong(conf, "DEFAULT", option.dest, reason)


def read(conf: cfg.ConfigOpts, arguments: Sequence[str], program: str, about: str) -> None:
    """Read the command line and the files, as every command does. Raises ``ConfigurationError``.

    The options of the log are made known; those of the command have to be.
    """
    log.register_options(conf)
    of_the_log = [option for _, options in log_options.list_opts() for option in options]
    reading.read(
        conf,
        arguments,
        [*opts.BIND, *opts.SERVER, *of_the_log],
        files=[name for name in os.environ.get(FILES, "").split(";") if name] or search_path.config_files(),
        directories=search_path.config_dirs(),
        project="freezer",
        prog=program,
        version=freezer_api.__version__,
        description=about,
        epilog=_EPILOG,
    )
    obsolete.register(conf)


def begin(conf: cfg.ConfigOpts, *quiet: str, program: str = PROGRAM) -> None:
    """Begin to log, and look at the values of all options that are known by now.

    ``ConfigurationError`` names the first that cannot be. Options that are obsolete or unknown are warned of.
    """
    reading.check(conf, "DEFAULT")
    begin_to_log(conf, *quiet, program=program)
    reading.check(conf)
    for line in (*obsolete.in_use(conf), *unknown.in_use(conf, libraries=program == PROGRAM)):
        LOG.warning(line)


@contextmanager
def refusing(conf: cfg.ConfigOpts) -> Iterator[None]:
    """Tell in one line on stderr why the service does not start, whatever the server that loads it makes of the
    error, and wherever the log goes. Some servers try again at each request: that begins with the configuration.
    """
    try:
        yield
    except CommandError as error:
        conf.reset()
        print(f"{PROGRAM}: {error}", file=sys.stderr, flush=True)
        sys.excepthook = partial(_but_told, sys.excepthook)
        raise error.with_traceback(None) from None


def _but_told(others: Callable[..., object], kind: type[BaseException], *rest: Any) -> None:
    """Servers show an error that ends a module by this hook: one that was told needs no way through the code."""
    if not issubclass(kind, CommandError):
        others(kind, *rest)


def store(conf: cfg.ConfigOpts) -> stores.Store:
    """Return the store to serve on: the embedded one in ``--data-dir``, else the one that the files name.

    Raises ``ConfigurationError`` if both name one.
    """
    named = stores.find_store(conf)
    if not conf.data_dir:
        return named
    embedded = stores.embedded_store(conf.data_dir)
    is_other = not isinstance(named, stores.SQLiteStore) or (named.path != embedded.path and not named.embedded)
    if is_other:
        raise ConfigurationError(
            f"--data-dir names another store than the configuration, {named}: leave one of them out"
        )
    return replace(embedded, max_values=named.max_values)


_NEEDED = {
    "use_journal": ("systemd", "systemd-python"),
    "publish_errors": ("oslo_messaging", "oslo.messaging"),
}
"""Ways to log for which the library wants a module of a package that need not be here."""


def _log_trouble(file: str | None, error: Exception) -> str:
    """Return why logging cannot begin, in one line that names the logging file, if there is one.

    Lines of the file are not shown: they may hold the password of a handler.
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
    """Set this service's defaults of oslo.log's options; ``quiet`` are further levels for loggers."""
    log.set_defaults(default_log_levels=[*opts.default_log_levels(), *quiet])
    conf.set_default("use_stderr", not (conf.log_dir or conf.log_file or conf.use_journal or conf.use_syslog))


def begin_to_log(conf: cfg.ConfigOpts, *quiet: str, program: str = PROGRAM) -> None:
    """Log as the configuration says, and where it says nothing to stderr; ``quiet`` are levels for loggers.

    ``ConfigurationError`` says what cannot be written to.
    """
    # Log files, rotated ones too, must not be readable for every account, and the library has no option for it.
    os.umask(os.umask(0o077) | 0o027)
    without = [name for name, (module, _) in _NEEDED.items() if conf[name] and find_spec(module) is None]
    # Older releases of the library fail where it is set.
    for name in (*without, *(name for name in ["watch_log_file"] if conf[name])):
        conf.set_override(name, False)
    set_log_defaults(conf, *quiet)
    if conf.log_dir and not conf.log_file:
        # The library would take the name of the server that loads us.
        conf.set_override("log_file", f"{program}.log")
    # What a tool prints on stdout is for another program: a file of the operator's cannot put the log there.
    place = redirect_stdout(sys.stderr) if program != PROGRAM else nullcontext()
    try:
        with place:
            log.setup(conf, program)
    except Exception as error:  # noqa: BLE001 - a logging file names classes, and holds expressions, of any kind
        raise ConfigurationError(
            f"cannot log as configured: {_log_trouble(conf.log_config_append, error)}"
        ) from None
    for name in without:
        LOG.warning("%s needs the package %s; without it the log goes elsewhere", name, _NEEDED[name][1])
    logging.captureWarnings(capture=True)
    # Deployers' files have a section for "freezer", others one for "freezer_api"; both get what we log, and
    # what is said of old names in the configuration.
    for name in ("freezer_api", "oslo_config"):
        logging.getLogger(name).parent = logging.getLogger("freezer")
