"""Accounts and their tokens in a PostgreSQL database that many machines share."""
