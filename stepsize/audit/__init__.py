"""Audits: was every update made with the rate that was planned, and if not, why not.

`Audit` needs NumPy only and is fed one rate per update. `audit.torch`, `audit.keras` and `audit.optax` read
the rates in those libraries, whatever schedules them, and are imported by name.
"""

from stepsize.audit.causes import Cause
from stepsize.audit.record import Audit, Row

__all__ = ["Audit", "Cause", "Row"]
