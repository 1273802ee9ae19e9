"""`anymodal` and `python -m anymodal`: argv in, exit code out."""

import errno
import os
import signal
import sys
import traceback
from types import FrameType

from shards.errors import AnymodalError

FAILED = 4
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Stopped(BaseException):
    """SIGINT or SIGTERM arrived; unwinds everything, so that files and locks are left in order."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; what can go wrong ends as a sentence on standard error and a code of the contract.

    0 done or pass, 1 the answer is no, 2 wrong usage, 3 cannot decide, 4 failed while working, 130 and 143 interrupted.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        _dispatch(arguments)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else FAILED
    except AnymodalError as error:
        return _say(str(error), error.exit_code)
    except _Stopped as stop:
        return _say("stopped; start it again to go on", 128 + stop.args[0])
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _say(_told(error), FAILED)
    except Exception:  # noqa: BLE001 (the outermost frame: a bug, too, gives the contract's exit code)
        traceback.print_exc()
        return _say("this is a bug; please report the lines above", FAILED)
    return 0


def _dispatch(arguments: list[str]) -> None:
    from anymodal.packages import check_packages

    check_packages()
    from anymodal.app import call

    call(arguments)


def _say(sentence: str, exit_code: int) -> int:
    print(f"anymodal: {sentence}", file=sys.stderr)  # noqa: T201
    return exit_code


def _told(error: OSError) -> str:
    remedy = "; nothing is lost: make room and start it again to go on" if error.errno in _FULL else ""
    return f"{error.filename or 'system'}: {error.strerror or error}{remedy}"


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped(number)


if __name__ == "__main__":
    main()
