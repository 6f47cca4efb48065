"""What is changed: one file a mechanism, each intervention one function that changes one thing.

A new file needs one line here; what its `__all__` names is public.
"""

from types import ModuleType as _ModuleType

from .base import *
from .context import *
from .controls import *
from .cues import *
from .decoding import *
from .environment import *
from .expression import *
from .framing import *
from .look_again import *
from .perturbations import *
from .prompting import *
from .rationale import *
from .sampling import *
from .tools import *

__all__ = sorted(n for n, v in globals().items() if not n.startswith("_") and not isinstance(v, _ModuleType))
