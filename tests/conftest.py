"""What every test may ask for: the search servers, started once per run."""

pytest_plugins = ["tests.servers.search.fixtures"]
