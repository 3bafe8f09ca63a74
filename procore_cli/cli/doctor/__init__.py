"""The checks of `doctor`, one a function; refuses to change anything but the proof entry."""
