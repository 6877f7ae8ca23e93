"""Property tests try the same examples in every run, so that a change and not luck turns a run red.

``pytest --hypothesis-profile=default`` draws new ones.
"""

from hypothesis import settings

settings.register_profile("esker", derandomize=True, deadline=None)
settings.load_profile("esker")
