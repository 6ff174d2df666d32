"""What a run does when PEX or CMiC fails, refuses or lets it wait."""
