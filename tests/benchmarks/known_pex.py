"""A simulated PEX in which every purchase is marked already: for idle runs."""

from __future__ import annotations

import argparse

from tests.simulators.pex import PexSimulator
from tests.simulators.server import serve_until_stopped


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.known_pex")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--purchases", type=int, required=True)
    options = parser.parse_args()
    simulator = PexSimulator(purchases=options.purchases)
    for transaction in simulator.transactions():
        simulator.add_note(transaction.id, f"Synced with CMiC PEX-{transaction.id}")
    serve_until_stopped(simulator, options.port, lambda address: None)


if __name__ == "__main__":
    main()
