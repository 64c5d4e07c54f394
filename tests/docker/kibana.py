"""Runs the stand-in for Kibana in a container, with the variables that Kibana's own image takes."""

from __future__ import annotations

import asyncio
import os
import ssl

from kibana import FakeKibana  # type: ignore[import-not-found] # beside this file in the image


async def main() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.environ["SERVER_SSL_CERTIFICATE"], os.environ["SERVER_SSL_KEY"])
    async with FakeKibana(tls=tls, host="0.0.0.0", port=5601, password=os.environ["ELASTIC_PASSWORD"]):
        await asyncio.Event().wait()


asyncio.run(main())
