# SPDX-License-Identifier: Apache-2.0
"""The service for WSGI servers: ``freezer_api.wsgi:application``.

The command line belongs to the server and is not read. The configuration is read from the usual files, or from
those that ``OS_FREEZER_CONFIG_FILES`` lists, separated by semicolons.
"""

from functools import partial

from freezer_api.middleware.bodies import drain_body, with_chunked_bodies
from freezer_api.service import initialize_app

application = app = with_chunked_bodies(partial(drain_body, initialize_app()))
