"""Serves the CMiC simulator on loopback until it is stopped."""

from __future__ import annotations

import argparse

from tests.simulators.cmic.access import PASSWORD, USER
from tests.simulators.cmic.app import CmicSimulator
from tests.simulators.contractor import build_contractor
from tests.simulators.large import add_jobs
from tests.simulators.server import serve_until_stopped


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.cmic")
    parser.add_argument("--port", type=int, default=9102)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--user", default=USER)
    parser.add_argument("--password", default=PASSWORD)
    parser.add_argument("--base-path", default="/cmictest")
    parser.add_argument("--limits", action="store_true", help="answer 429 as CMiC does")
    parser.add_argument("--jobs", type=int, default=0, help="so many more jobs")
    parser.add_argument(
        "--categories",
        type=int,
        default=0,
        help="rows of job, phase and category that these jobs have together",
    )
    options = parser.parse_args()
    contractor = build_contractor(options.seed)
    add_jobs(contractor, options.jobs, options.categories)
    simulator = CmicSimulator(
        contractor,
        user=options.user,
        password=options.password,
        base_path=options.base_path,
        limits=options.limits,
    )
    serve_until_stopped(simulator, options.port, lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
