"""Where the program starts, `procore-login` as well as `python -m procore_cli`; knows nothing but Ctrl-C."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line and end with its exit code."""
    try:
        # Ctrl-C while the program still loads is no reason for a traceback.
        from procore_cli import cli

        code = cli.run(sys.argv[1:])
    except KeyboardInterrupt:
        code = INTERRUPTED
    import signal

    # The outcome stands; a late Ctrl-C must not turn it into a death by signal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


if __name__ == "__main__":
    main()
