"""What would be sent, without sending it, and how that compares with what was."""
