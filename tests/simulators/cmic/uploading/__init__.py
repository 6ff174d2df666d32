"""What CMiC does with an uploaded invoice before it is stored."""
