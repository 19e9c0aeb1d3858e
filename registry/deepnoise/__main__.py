"""The program `deepnoise`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from deepnoise.cli import app, spread


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after `deepnoise`; those of the process where None.

    Returns:
        0; 1 where a check found something; 2 for wrong use or input, which is told in one message.
    """
    words = spread(sys.argv[1:] if arguments is None else arguments)
    try:
        app(words, prog_name="deepnoise", obj=words)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Exception as error:
        # Imported only here, since `--help` should not wait for it.
        from deepnoise_core.contracts.errors import DeepnoiseError

        if not isinstance(error, DeepnoiseError):
            raise
        message = str(error)
        sys.stderr.write(f"{message}\n" if "\n" in message else f"deepnoise: {message}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
