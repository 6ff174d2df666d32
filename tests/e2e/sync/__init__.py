"""From Execute to the purchase in CMiC, in a browser."""
