# SPDX-License-Identifier: Apache-2.0
"""gunicorn's logger."""

import logging
from typing import Any

from gunicorn.glogging import Logger


class Log(Logger):  # type: ignore[misc]
    """Log to the log of the service, unless ``[gunicorn] errorlog`` is set."""

    def setup(self, cfg: Any) -> None:
        """Apply the settings."""
        super().setup(cfg)
        self.error_log.propagate = cfg.errorlog is None
        self.error_log.parent = logging.getLogger("freezer_api")
