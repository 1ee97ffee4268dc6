"""flyroom: breed thousands of tiny networks, watch them memorise and then generalise.

Names are loaded when they are first used (the stub beside this file lists them), so that a shell
command that trains nothing does not wait for JAX.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
