"""The one error that users see: a clear sentence that says what is wrong and what to do."""


class EcgedgeError(Exception):
    """Bad input or an environment that cannot do what was asked.

    The message is one sentence with the remedy. The command line prints it without a traceback
    and exits with a non-zero code; library callers can catch it as one type.
    """
