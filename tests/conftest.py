"""Property tests try the same examples in every run, so that a change and not luck turns a run red.

``pytest --hypothesis-profile=default`` draws new ones. Ctrl-C works as it does in a terminal.
"""

import signal

from hypothesis import settings

settings.register_profile("esker", derandomize=True, deadline=None)
settings.load_profile("esker")

# A shell script's background job ignores Ctrl-C, and so would each child that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
