# SPDX-License-Identifier: Apache-2.0
"""The logger that gunicorn uses."""

import logging
from typing import Any

from gunicorn.glogging import Logger


class Log(Logger):  # type: ignore[misc]
    """Log to the log of the service, unless ``[gunicorn] errorlog`` is set."""

    def setup(self, cfg: Any) -> None:
        """Apply gunicorn's settings of the log."""
        super().setup(cfg)
        self.error_log.propagate = cfg.errorlog is None
        self.error_log.parent = logging.getLogger("freezer_api")
