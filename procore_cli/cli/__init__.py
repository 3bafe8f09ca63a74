"""What a person types and reads: the commands, their options, prompts, help, and what is printed."""
