"""A function on arrays as data: it is called once with a tracer, and what it did becomes a short list of steps.

In: a function the caller allows, the width of its table. Out: a `Trace` (`record.py`), closed data without code. The
tracer (`array.py`) takes part in NumPy's own protocols over a closed list of functions (`functions.py`), and refuses
by name whatever else is asked of it: truth values, iteration, numbers of rows, reductions over rows.
"""

from amber.programs.trace.functions import trace
from amber.programs.trace.record import Step, Trace

__all__ = ["Step", "Trace", "trace"]
