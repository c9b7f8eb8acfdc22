"""Whether the page of a running app takes or shows files, which Gradio keeps in its temporary directory."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from gradio_doctor.evidence import Absent, HttpAnswers
from gradio_doctor.probes.exchange import Request, Server, ask

_MOST = 1 << 20
# gradio.components, get_block_name(): those whose value is a file on the server
_FILES = re.compile(
    rb'"type": ?"(?:file|image|audio|video|gallery|uploadbutton|downloadbutton|imageeditor|imageslider|simpleimage'
    rb'|multimodaltextbox|model3d|annotatedimage)"'
)


def shows_files(http: HttpAnswers | Absent | None) -> bool | None:
    """Looks at the components that /config tells of; None when no Gradio app answers that, or it wants a login."""
    if not isinstance(http, HttpAnswers) or not http.is_gradio:
        return None
    base = urlsplit(http.base)
    try:
        server = Server(base.hostname or "", base.port or 80, tls=base.scheme == "https")
    except ValueError:
        return None
    reply = ask(server, Request("config", "GET", base.path.rstrip("/") + "/config", limit=_MOST))
    if reply.answer.outcome != "answered" or reply.answer.status != 200 or b'"components"' not in reply.content:
        return None
    return bool(_FILES.search(reply.content))
