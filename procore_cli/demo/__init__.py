"""The embedded Procore: a pretend server on loopback, for trying things out and for tests."""
