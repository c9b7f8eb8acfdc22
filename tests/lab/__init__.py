"""Real faults in real Gradio apps, diagnosed by the real command."""
