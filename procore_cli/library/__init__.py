"""What Python programs call; nothing of the command line is in here."""
