"""What stays on this machine: rows, token entries, secrets, locks; knows nothing of Procore's servers."""
