"""What every test may ask for: servers that are not ours, started once per run."""

pytest_plugins = ["tests.servers.search.fixtures", "tests.servers.sql.fixtures", "tests.servers.identity"]
