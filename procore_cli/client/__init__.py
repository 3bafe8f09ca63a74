"""What is said to Procore and how its answers are read; knows nothing of stores or browsers."""
