"""The options of PEX's tags and the filters between them, kept as CMiC has them."""
