"""For WSGI servers: ``freezer_api.wsgi:application``.

The command line is the server's and is not read. Configuration comes from the usual files, or from those that the
environment names in ``OS_FREEZER_CONFIG_FILES``, with semicolons between them.
"""

from freezer_api.api.unread import Drained
from freezer_api.middleware.uwsgi_body import with_bodies
from freezer_api.service import initialize_app

application = app = with_bodies(Drained(initialize_app()))
