"""The order of the steps, one file a use case; what brings the wings together."""
