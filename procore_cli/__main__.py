"""Where the program starts, `procore-login` as well as `python -m procore_cli`; knows how to end."""

import gc
import sys

INTERRUPTED = 130
# Twice the objects that whoami and token make.
_GARBAGE_THRESHOLD = 50_000


def main() -> None:
    """Run the command line and end with its exit code."""
    # What is loaded is no garbage, and to look through it again and again takes a tenth of the time to start.
    gc.set_threshold(_GARBAGE_THRESHOLD)
    try:
        # Ctrl-C while the program still loads is no reason for a traceback.
        from procore_cli.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    finally:
        _part_from_broken_streams()
    # Nor has the end of the process to look through it.
    gc.freeze()
    import signal

    # The outcome stands; a late Ctrl-C must not turn it into a death by signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nor an earlier one: if it struck inside an exec (a dataclass is made with one), `python -m` kills itself
    # in the end although it was caught, unless another exec has run since.
    exec("")  # noqa: S102 - runs nothing
    sys.exit(code)


def _part_from_broken_streams() -> None:
    """Where the interpreter's own last flush fails, it ends with 120, whatever the code was to be."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, None)


if __name__ == "__main__":
    main()
