"""What is in force: environments, settings, `config.toml`, URLs, and files that are ours alone."""
