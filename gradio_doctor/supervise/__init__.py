"""Starting an app under supervision, watching it, and stopping it with everything it started."""
