"""One file a family of commands, all of one shape: read the options, call the flow, print the result."""
