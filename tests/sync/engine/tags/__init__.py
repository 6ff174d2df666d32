"""Tag options and filters against both simulators."""
