"""The repository itself: its folders, imports and documentation."""
