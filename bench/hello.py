# SPDX-License-Identifier: Apache-2.0
"""The baseline: a Falcon application that returns a JSON object of a given size, under the same server."""

import sys
import time
from typing import Any

import falcon
from oslo_config import cfg

from freezer_api.conf import opts
from freezer_api.server import application
from freezer_api.server.settings import server_settings

PATH = "/hello"
"""With ``/<milliseconds>`` appended, the response is delayed by that time."""


class Hello:
    def __init__(self, size: int) -> None:
        self._text = "x" * (size - len('{"hello": ""}'))

    def on_get(self, _req: falcon.Request, resp: falcon.Response, milliseconds: int = 0) -> None:
        if milliseconds:
            time.sleep(milliseconds / 1000)
        resp.media = {"hello": self._text}


def _served(size: int, settings: dict[str, Any]) -> application.ServerConfig:
    app = falcon.App()
    hello = Hello(size)
    app.add_route(PATH, hello)
    app.add_route(f"{PATH}/{{milliseconds:int}}", hello)
    return application.ServerConfig(app, lambda: None, settings)


def main(size: int) -> None:
    conf = cfg.ConfigOpts()
    opts.register(conf)
    conf([], project="freezer", default_config_files=[])
    with application.listen("127.0.0.1", 0) as listener:
        print(f"Server listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        application.Server(listener, _served(size, server_settings(conf))).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
