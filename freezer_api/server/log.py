"""Where gunicorn's own lines go."""

import logging
from typing import Any

from gunicorn.glogging import Logger


class Log(Logger):  # type: ignore[misc]
    """Its lines go where the service logs, unless ``[gunicorn] errorlog`` names another place."""

    def setup(self, cfg: Any) -> None:
        """Take over the settings."""
        super().setup(cfg)
        self.error_log.propagate = cfg.errorlog is None
        self.error_log.parent = logging.getLogger("freezer_api")
