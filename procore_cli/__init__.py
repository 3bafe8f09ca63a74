"""Sign people in to Procore and keep them signed in; importing this package alone loads nothing else."""

__version__ = "0.1.0"
