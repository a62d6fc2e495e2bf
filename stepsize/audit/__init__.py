"""Audits: check that every update used the planned rate, and find out why if it did not.

`Audit` needs NumPy only and takes one rate per update. `audit.torch`, `audit.keras` and `audit.optax` read
the rates in those libraries, whatever schedules them, and are imported by name.
"""

from stepsize.audit.causes import Cause
from stepsize.audit.record import Audit, Row

__all__ = ["Audit", "Cause", "Row"]
