"""Serves the PEX simulator on loopback until it is stopped."""

from __future__ import annotations

import argparse

from tests.simulators.pex.app import TOKEN, PexSimulator
from tests.simulators.server import serve_until_stopped


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.pex")
    parser.add_argument("--port", type=int, default=9101)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--purchases", type=int, default=200)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--page-size", type=int, default=30_000)
    parser.add_argument("--limits", action="store_true", help="answer 429 as PEX does")
    options = parser.parse_args()
    simulator = PexSimulator(
        seed=options.seed,
        purchases=options.purchases,
        token=options.token,
        page_size=options.page_size,
        limits=options.limits,
    )
    serve_until_stopped(simulator, options.port, lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
