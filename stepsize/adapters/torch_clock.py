"""The clock of a scheduler in PyTorch: it counts the updates of an optimizer, in the optimizer's own hooks.

The optimizer keeps the clock and the scheduler keeps both, so neither waits for the collector of cycles.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from torch.compiler import disable
from torch.optim import Optimizer

from stepsize.adapters.plain import warn_caller
from stepsize.adapters.torch_compiled import hook_outside
from stepsize.adapters.torch_groups import Hyperparameter
from stepsize.adapters.torch_optimizers import has_updated, is_averaged, is_capturing, is_on_trial
from stepsize.errors import ScheduleError

IDLE = 10  # calls of step() without any update so far that deserve a warning
IDLE_FIRST = 1000  # the same after the first update: each of many processes may call it
IDLE_LATER, TIMES = 50, 10  # and later: so many, and so many times the most between two updates so far
HARMLESS = ("step without update", "update without step")  # kinds that only a strict clock reports


class Clock:
    """Count the completed updates of an optimizer, which it does not hold, and write the values of the next.

    `mismatches` counts what went wrong, by kind; with `strict`, each raises.
    """

    def __init__(self, followed: list[Hyperparameter], strict: bool) -> None:
        self.followed = followed
        self.strict = strict
        self.mismatches: Counter[str] = Counter()
        self.is_paused = False
        self.last: list[Any] = []  # the rates that get_last_lr returns
        self._ends = [each for each in followed if any(one.plan.after == "error" for one in each.distinct)]
        self._is_running = False  # an update has begun
        self._is_on_trial = False  # the update that has begun will be undone by whoever makes it
        self._is_captured = False  # the update was captured in a CUDA graph
        self._is_unstepped = False  # an update is complete, and step() has not been called since
        self._is_stepped = False  # step() has been called: then it is to follow every update
        self._idle = 0  # calls of step() since the last update
        self._most_idle = -1  # the most between two updates; none yet
        self._is_moving = False  # an update has been completed since it was attached
        self._is_placed = False  # a state was loaded, and no update made since
        self.forgotten = ""  # why the optimizer is ahead, while our state is not loaded
        self.handles: list[Any] = []  # of its hooks; none if no optimizer moves it
        self._owner: Any = None  # a weak reference
        self._optimizers: list[Any] = []  # weak references
        self.outside: Any = None  # calls a function, which torch.compile leaves out of the compiled code

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy keeps: the hooks belong to one optimizer."""
        return {**self.__dict__, "handles": [], "_owner": None, "_optimizers": [], "outside": None}

    @property
    def update(self) -> int:
        """The updates completed so far."""
        return self.followed[0].first.update

    @property
    def is_owned(self) -> bool:
        """Whether its scheduler still exists."""
        return self._owner is not None and self._owner() is not None

    def attach(self, optimizers: list[Optimizer], owner: Any) -> None:
        """Follow the last of `optimizers`, which the others wrap, for a scheduler."""
        self._owner, self._optimizers = weakref.ref(owner), [weakref.ref(each) for each in optimizers]
        self.outside, last = disable(_call), optimizers[-1]
        self.handles = [
            last.register_step_pre_hook(self._hook(self._before)),
            last.register_step_post_hook(self._hook(self._after)),
        ]
        for each in optimizers:
            if hasattr(each, "_optimizer_load_state_dict_post_hooks"):
                self.handles.append(each.register_load_state_dict_post_hook(self._reloaded))
        self.adopt(last)

    def detach(self) -> None:
        """Follow the optimizer no longer; it keeps its present values."""
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def adopt(self, optimizer: Optimizer) -> None:
        """Write into the groups that an optimizer has now."""
        for each in self.followed:
            each.copy_tensors(optimizer.param_groups)
        self.write(optimizer)

    def write(self, optimizer: Optimizer) -> None:
        """Write the values of the next update, unless somebody else does now."""
        self.check_groups(optimizer)
        for each in [] if self.is_paused else self.followed:
            each.write(optimizer.param_groups)
        self.last = self.followed[0].written

    def place(self, schedules: list[list[Any]], optimizer: Optimizer) -> None:
        """Continue by the schedules of a loaded state."""
        for each, placed in zip(self.followed, schedules, strict=True):
            each.place(placed)
        self._is_unstepped, self._is_placed, self.forgotten, self._idle = False, True, "", 0
        self.write(optimizer)

    def advance(self, optimizer: Optimizer) -> None:
        """Count one completed update and write the values of the next."""
        if not self.is_paused:
            self._count(optimizer)
            self._expect_step()

    def stepped(self) -> None:
        """Note that step() was called."""
        if self.is_paused:
            return
        self.last = self.followed[0].written
        if not self._is_unstepped:
            self._mismatch(
                "step without update",
                f"step() was called at update {self.update}, but no update was made since its last call: "
                "call it once for each update, after optimizer.step(), and not after a skipped one",
            )
            self._note_idle(1)
        self._is_unstepped, self._is_stepped = False, True

    def is_followed(self, optimizer: Optimizer) -> bool:
        """Return whether the plan applies now; report and overwrite what something else has written."""
        if is_on_trial():
            return False
        for each in [] if self.is_paused else self.followed:
            self._correct(each, optimizer)
        return True

    def observed(self, optimizer: Optimizer) -> None:
        """Write what an observation has changed, and note that there was one."""
        self.write(optimizer)
        self._note_idle(0 if self.is_paused else IDLE // 2)  # one before the training is nothing strange

    def check_groups(self, optimizer: Optimizer) -> None:
        """Raise ScheduleError if the optimizer has other parameter groups than those that follow the plan."""
        groups, known = len(optimizer.param_groups), len(self.followed[0].multipliers)
        if groups != known:
            raise ScheduleError(
                f"the optimizer has {groups} parameter groups, and {known} of them follow the plan; "
                "add groups by scheduler.add_param_group(group, multiplier=1.0), not by the optimizer"
            )

    def _hook(self, run: Callable[..., None]) -> Callable[..., None]:
        """Return a hook by which `release_forgotten` finds this clock."""
        hook: Any = hook_outside(run)
        hook.clock = self
        return hook

    def _reloaded(self, optimizer: Optimizer) -> None:
        """Write into the groups that a loaded state has brought, and remember where its run was."""
        rates = self.followed[0]
        if self.is_paused:
            return
        self.check_groups(optimizer)
        saved = [rates.number(group, index) for index, group in enumerate(optimizer.param_groups)]
        pairs = list(zip(rates.schedules, saved, rates.written, strict=True))
        differs = any(one and not math.isclose(held, value, rel_tol=1e-6) for one, held, value in pairs)
        if not self._is_placed and (differs or (self.update == 0 and has_updated(optimizer))):
            self.forgotten = f"the optimizer's state was loaded (with lr={saved[0]:g} in group 0)"
        self.adopt(optimizer)

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Make sure that the update which begins now uses the planned values."""
        self._is_running, self._is_on_trial = True, False
        if self.is_paused:
            return
        if is_capturing():
            self._is_captured = True
            for each in self.followed:
                each.require_tensors(optimizer.param_groups)
            return
        if self.forgotten:
            self._report_forgotten()
        if not self.followed[0].written[0]:  # a trial with a rate of 0 writes nothing foreign
            self._is_on_trial = is_on_trial()
        for each in self.followed:
            if each.has_changed(optimizer.param_groups) and not self._is_on_trial and not self.is_paused:
                self._correct(each, optimizer)
        if self._ends and not getattr(optimizer, "found_inf", None):
            for schedule in (one for each in self._ends for one in each.distinct):
                schedule.plan(self.update)  # the one that is over raises

    def _correct(self, followed: Hyperparameter, optimizer: Optimizer) -> None:
        self.check_groups(optimizer)
        difference = followed.describe_foreign(optimizer.param_groups)
        if difference and is_on_trial():
            self._is_on_trial = True
            return
        if difference and followed.name == "lr" and is_averaged([each() for each in self._optimizers]):
            self._mismatch(
                "foreign value",
                f"update {self.update}: {difference}; SWALR has taken over the rate, so the plan is paused. "
                "To continue it, call scheduler.resume()",
            )
            self.is_paused = True
            return
        followed.write(optimizer.param_groups)
        if difference:
            self._mismatch(
                "foreign value",
                f"update {self.update}: {difference}; another scheduler or a callback writes it too. The "
                "plan has been applied; remove the other one, make it a factor of the plan, or leave the "
                "rate to it between scheduler.pause() and scheduler.resume()",
            )

    def _report_forgotten(self) -> None:
        saved, self.forgotten = self.forgotten, ""
        self._mismatch(
            "state not loaded",
            f"update {self.update}: {saved}, but the scheduler's state was not loaded: its lr is "
            f"{self.followed[0].written[0]:g}. Load it, with scheduler.load_state_dict(state); if the plan "
            "is meant to begin here, write TorchScheduler(optimizer, plan, update=0); for another run, "
            "such as the next fold, build a new optimizer",
        )

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Count the update, unless it was skipped, undone or only captured."""
        if not self._is_running:
            return  # a subclass's step() that calls its parent's comes here twice for one update
        self._is_running = False
        if self.is_paused or self._is_on_trial or is_capturing():
            return
        if not getattr(optimizer, "found_inf", None):  # else a gradient scaler had a fused optimizer skip it
            self._count(optimizer)
        self._expect_step()

    def _count(self, optimizer: Optimizer) -> None:
        last, complaint = self.followed[0].written, None
        for each in self.followed:
            for schedule in each.distinct:
                if schedule.count():
                    complaint = schedule.complaint
            each.write(optimizer.param_groups)
        if self._idle > self._most_idle and self._is_moving:
            self._most_idle = self._idle
        self.last, self._idle, self._is_moving, self._is_placed = last, 0, True, False
        if complaint is not None:
            self._mismatch(*complaint)

    def _expect_step(self) -> None:
        was_unstepped, self._is_unstepped = self._is_unstepped, True
        if was_unstepped and self._is_stepped:
            self._mismatch(
                "update without step",
                f"update {self.update} is complete, but step() was not called after the previous one; "
                "call it once for each update",
            )

    def _note_idle(self, calls: int) -> None:
        limit = 1 if self._is_captured else self._idle_limit
        before, self._idle = self._idle, self._idle + calls
        if before < limit <= self._idle:
            self._mismatch(
                "no update",
                "step() or observe() is called repeatedly, but optimizer.step() never is: the plan stays "
                f"at update {self.update}. Pass the optimizer whose step() makes the updates; for updates "
                "made otherwise, such as the replay of a CUDA graph, call scheduler.advance() after each",
            )

    @property
    def _idle_limit(self) -> int:
        if not self._is_moving:
            return IDLE
        return IDLE_FIRST if self._most_idle < 0 else IDLE_LATER + TIMES * self._most_idle

    def _mismatch(self, kind: str, message: str) -> None:
        self.mismatches[kind] += 1
        if self.strict:
            raise ScheduleError(message)
        if kind not in HARMLESS and self.mismatches[kind] == 1:
            warn_caller(message)


def _call(function: Callable[..., None], *arguments: Any) -> None:
    function(*arguments)


def release_forgotten(optimizer: Optimizer) -> int:
    """Detach the clock of a scheduler that is gone, and return its updates; raise if it still exists."""
    for hook in list(optimizer._optimizer_step_pre_hooks.values()):
        clock = getattr(hook, "clock", None)
        if isinstance(clock, Clock):
            if clock.is_owned:
                raise ScheduleError(
                    f"this {type(optimizer).__name__} already has a TorchScheduler; build a new optimizer, "
                    "or call detach() of the other scheduler first"
                )
            clock.detach()
            return clock.update
    return 0
