"""What a report counts as failed: the bar of `--fail-on`, for the formats that machines read."""

from __future__ import annotations

from dataclasses import dataclass

from gradio_doctor.diagnosis import CauseFound, Diagnosis, Prediction
from gradio_doctor.knowledge.model import SEVERITIES


@dataclass(frozen=True, slots=True)
class Bar:
    """Causes and, if `foreseen`, predictions of at least the severity `fail_on` ("none": nothing) reach the bar."""

    fail_on: str = "error"
    min_probability: float = 0.5
    foreseen: bool = False

    def _severe(self, severity: str) -> bool:
        return self.fail_on != "none" and SEVERITIES.index(severity) >= SEVERITIES.index(self.fail_on)

    def cause(self, cause: CauseFound) -> bool:
        """True when a cause reaches the bar."""
        return self._severe(cause.severity) and cause.probability >= self.min_probability

    def prediction(self, prediction: Prediction) -> bool:
        """True when a prediction does: only where predictions count at all."""
        return self.foreseen and self._severe(prediction.severity)

    def reached(self, diagnosis: Diagnosis) -> bool:
        """True when anything does."""
        return any(map(self.cause, diagnosis.causes)) or any(map(self.prediction, diagnosis.predictions))
