"""The names that Gradio and uvicorn give to calls, settings and events."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What Gradio 3 to 6 call the leading parameters; the others are keyword-only or differ between versions.
POSITIONAL: dict[str, tuple[str, ...]] = {
    "launch": ("inline", "inbrowser", "share", "debug"),
    "queue": (),
    "Interface": ("fn", "inputs", "outputs", "examples"),
    "ChatInterface": ("fn",),
    "TabbedInterface": ("interface_list", "tab_names", "title"),
    "mount_gradio_app": ("app", "blocks", "path"),
    "uvicorn.run": ("app", "host", "port"),
    "Blocks": (),
}
CONSTRUCTORS = frozenset({"Blocks", "Interface", "ChatInterface", "TabbedInterface"})
# Keywords that tell Gradio's launch() and queue() from those of other libraries when the object is not known.
KEYWORDS: dict[str, frozenset[str]] = {
    "launch": _words(
        "inline inbrowser share debug max_threads auth auth_message prevent_thread_lock show_error server_name "
        "server_port height width favicon_path ssl_keyfile ssl_certfile ssl_keyfile_password ssl_verify quiet show_api "
        "allowed_paths blocked_paths root_path app_kwargs state_session_capacity share_server_address "
        "share_server_protocol share_server_tls_certificate auth_dependency max_file_size enable_monitoring "
        "strict_cors node_server_name node_port ssr_mode pwa mcp_server num_workers i18n theme css css_paths js head "
        "head_paths footer_links run_history enable_queue show_tips encrypt file_directories concurrency_limit"
    ),
    "queue": _words(
        "status_update_rate api_open max_size default_concurrency_limit concurrency_count client_position_to_load_data "
        "default_enabled max_batch_size"
    ),
}
# Settings whose value decides where and how the app serves: not knowing one is worth a note.
NOTED = _words(
    "server_name server_port share root_path host port workers path max_threads prevent_thread_lock ssr_mode max_size "
    "default_concurrency_limit concurrency_count ssl_keyfile ssl_certfile num_workers reload uds fd"
)

# The listeners of components, Blocks and Timer in Gradio 3 to 6, and the ways to chain one to another.
LISTENERS = _words(
    "change input click double_click submit stop edit clear play pause end start_recording pause_recording "
    "stop_recording focus blur upload release select stream like example_select option_select load unload key_up apply "
    "delete tick undo retry expand collapse download copy then success failure every create finish"
)
# Of these names, other libraries have methods that take a function first: executor.submit(f, x).
AMBIGUOUS = _words(
    "submit load select input apply then copy delete end stop pause play every create"
)
LISTENER_KEYWORDS = _words(
    "fn inputs outputs api_name js _js queue show_progress scroll_to_output concurrency_limit concurrency_id "
    "trigger_mode api_visibility show_api cancels"
)
# Functions and classes of the package that take a handler: where it stands among the arguments.
MAKERS: dict[str, int] = {
    "Interface": 0, "ChatInterface": 0, "on": 1, "api": 0, "Examples": 3, "render": -1,
}
# What a listener says of queueing.
QUEUEING = _words("concurrency_limit concurrency_id queue batch max_batch_size time_limit")
# What registers a function with FastAPI, Starlette and the app that launch() returns.
ROUTES = _words(
    "get post put delete patch head options trace route api_route websocket websocket_route middleware "
    "exception_handler"
)
ROUTE_ADDERS: dict[str, int] = {
    "add_api_route": 1, "add_route": 1, "add_websocket_route": 1, "add_api_websocket_route": 1,
}
