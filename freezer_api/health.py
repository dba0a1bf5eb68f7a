"""The store's part of ``/healthcheck``, for those who ask for it: ``backends = disable_by_file, freezer_store``.

It is off by default: who asks whether the process lives must not be told that the store does not.
"""

from oslo_middleware.healthcheck.pluginbase import HealthcheckBaseExtension, HealthcheckResult

from freezer_api.errors import FreezerError
from freezer_api.repository.protocol import Repository

REPOSITORY = "freezer_api.repository"
"""The setting of the health check that holds the repository; the service puts it there."""


class StoreHealthcheck(HealthcheckBaseExtension):
    """Whether the store answers, and its layout is the one of this release."""

    def healthcheck(self, server_port: int) -> HealthcheckResult:  # noqa: ARG002 - every port has the same store
        repository: Repository = self.conf[REPOSITORY]
        try:
            repository.check()
        except FreezerError as error:
            return HealthcheckResult(available=False, reason="STORE NOT AVAILABLE", details=str(error))
        return HealthcheckResult(available=True, reason="OK", details="The store is there")
