"""What every way of serving does first: read the configuration, and begin to log."""

import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec

from oslo_config import cfg
from oslo_log import log

import freezer_api
from freezer_api import config, stores
from freezer_api.errors import StartFailed

LOG = logging.getLogger(__name__)

PROGRAM = "freezer-api"

FILES = "OS_FREEZER_CONFIG_FILES"
"""The variable with the names of configuration files, for servers whose command line is not ours."""


def configure(conf: cfg.ConfigOpts, arguments: Sequence[str]) -> None:
    """Read the command line, as which ``arguments`` count, and the files."""
    config.register(conf)
    config.register_standalone(conf)
    log.register_options(conf)
    named = [name for name in os.environ.get(FILES, "").split(";") if name]
    conf(
        arguments,
        project="freezer",
        prog=PROGRAM,
        version=freezer_api.__version__,
        default_config_files=named or config.default_config_files(),
    )


def store(conf: cfg.ConfigOpts) -> stores.Store:
    """The store to serve on: the embedded one in ``--data-dir``, else what the files name."""
    return stores.embedded_store(conf.data_dir) if conf.data_dir else stores.store_of(conf)


def begin_to_log(conf: cfg.ConfigOpts, *quiet: str, program: str = PROGRAM) -> None:
    """Log as the configuration says, and where it says nothing to stderr; ``quiet`` are levels for loggers.

    ``StartFailed`` says what cannot be written to.
    """
    without_journal = conf.use_journal and find_spec("systemd") is None
    if without_journal:
        conf.set_override("use_journal", False)
    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), *config.QUIET, *quiet])
    if conf.log_dir and not conf.log_file:
        # The library would take the name of the server that loads us.
        conf.set_override("log_file", f"{program}.log")
    conf.set_default("use_stderr", not (conf.log_dir or conf.log_file or conf.use_journal or conf.use_syslog))
    try:
        log.setup(conf, program)
    except (OSError, RuntimeError) as error:
        raise StartFailed(f"cannot log as configured: {error}") from None
    if without_journal:
        LOG.warning("use_journal needs the package systemd-python; without it the log goes elsewhere")
    logging.captureWarnings(capture=True)
    # Deployers' files have a section for "freezer", others one for "freezer_api"; both get what we log.
    logging.getLogger("freezer_api").parent = logging.getLogger("freezer")
