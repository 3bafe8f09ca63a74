"""One file a command, all of one shape: read the options, call the flow, hand the result to tables."""
