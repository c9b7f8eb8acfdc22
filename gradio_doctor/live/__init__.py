"""What a running app is doing: pure functions from the kernel's view of its threads and their stacks to judgements.

`judge` is the door. Nothing here does I/O, and nothing knows of causes: checks turn judgements into findings.
"""

from gradio_doctor.live.fold import fold
from gradio_doctor.live.judge import judge
from gradio_doctor.live.model import (
    Group,
    Judgement,
    JudgementKind,
    Live,
    ProcessView,
    Role,
    ThreadView,
    Verdict,
    Wait,
    WaitKind,
)
from gradio_doctor.live.views import view_processes

__all__ = [
    "Group", "Judgement", "JudgementKind", "Live", "ProcessView", "Role", "ThreadView", "Verdict", "Wait", "WaitKind",
    "fold", "judge", "view_processes",
]
