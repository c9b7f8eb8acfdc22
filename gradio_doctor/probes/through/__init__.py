"""Asking the app through the proxy in front of it, and comparing that with what it says itself."""
