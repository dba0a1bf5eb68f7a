# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from bench import engines, fleet, scenarios
from bench.measure import Settings, measure
from bench.report import Report
from tests.support import search, sql

_DESCRIPTION = """Measure the service beside a Falcon hello-world. A server is started for the run, unless
FREEZER_BENCH_ES_URL or FREEZER_BENCH_OPENSEARCH_URL names a search server.
See also `python -m bench.refresh --help`."""

_BY_NAME = {scenario.name.replace(" ", "-"): scenario for scenario in scenarios.ALL}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=_DESCRIPTION)
    parser.add_argument("--engine", choices=engines.ENGINES, default=engines.ENGINES[0])
    parser.add_argument("--server", default="", help="version of the search server; default: the first one")
    parser.add_argument("--jobs", type=_sizes, default=(1000, 100_000), help="numbers of stored jobs, with commas")
    parser.add_argument(
        "--requests", type=_count, default=1000, help="requests per round; a fifth of it for writes"
    )
    parser.add_argument("--rounds", type=_count, default=5, help="number of rounds; each result is their median")
    parser.add_argument("--connections", type=_count, default=4, help="concurrent connections")
    parser.add_argument("--only", action="append", choices=_BY_NAME, help="scenario to measure; may be repeated")
    parser.add_argument("--output", type=Path, default=Path("bench-results/bench.json"))
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError("should be between 1 and 100,000")
    return number


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    if min(sizes) < fleet.MIN_JOBS:
        raise argparse.ArgumentTypeError(f"should be at least {fleet.MIN_JOBS} each")
    return sizes


def main() -> int:
    arguments = _arguments()
    settings = Settings(
        jobs=arguments.jobs,
        requests=arguments.requests,
        rounds=arguments.rounds,
        connections=arguments.connections,
        scenarios=tuple(_BY_NAME[name] for name in arguments.only) if arguments.only else scenarios.ALL,
    )
    # Stop the servers and remove the files even after a signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with tempfile.TemporaryDirectory(prefix="freezer-bench-") as name:
            directory = Path(name)
            with engines.opened(arguments.engine, arguments.server, directory / "server") as engine:
                report = Report(settings, engine, measure(settings, engine, directory))
    except KeyboardInterrupt:
        return 130
    except (search.Missing, search.Failed, sql.Missing, sql.Failed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    print(report.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
