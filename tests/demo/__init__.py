"""The demo: the whole product on one machine, against simulated PEX and CMiC."""
