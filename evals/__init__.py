"""How it is judged: metrics, inference and the scorecard, all from stored records.

Each name loads when it is first used.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .check_report import CheckFailed as CheckFailed
    from .check_report import CheckReport as CheckReport
    from .compare import Comparison as Comparison
    from .compare import compare as compare
    from .compare import compare_runs as compare_runs
    from .evaluator import Reason as Reason
    from .inference import Contrast as Contrast
    from .inference import Estimate as Estimate
    from .metrics import METRICS as METRICS
    from .metrics import GapTable as GapTable
    from .metrics import Metric as Metric
    from .pairs import Flips as Flips
    from .run_tables import RunTables as RunTables
    from .scorecard import Arm as Arm
    from .scorecard import Scorecard as Scorecard
    from .scoring import score as score
    from .step_table import frame as frame
    from .verdict import Verdict as Verdict
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
