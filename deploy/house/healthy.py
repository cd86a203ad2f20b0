"""Asks the service of this container whether it lives: the exit status is the answer. Part of every image, as `healthy`."""

import os
import ssl
import sys
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

# Shorter than the time-out of the Dockerfile's HEALTHCHECK.
TIMEOUT_SECONDS = 3.0


def main() -> None:
    """Status 0 for 200 at /livez; otherwise 1, with one line that says why."""
    secured = bool(os.environ.get("CALLMINE_TLS_CERT"))
    context = ssl.create_default_context(cafile=os.environ.get("CALLMINE_CA_FILE") or None)
    # Never by way of a proxy: it is this container.
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    url = f"{'https' if secured else 'http'}://127.0.0.1:{os.environ.get('CALLMINE_PORT', '')}/livez"
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS) as answer:
            healthy = answer.status == 200
    except (OSError, ValueError) as error:
        sys.exit(f"{url}: {error}")
    sys.exit(0 if healthy else 1)


main()
