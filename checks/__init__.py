"""Knowledge of Gradio's failures: a family is a pair of NAME.py (reasoning) and NAME.yaml (meaning)."""
