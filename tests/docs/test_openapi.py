# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document is valid, and responses to generated requests conform to it."""

import json
import subprocess
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from freezer_reference import openapi
from freezer_reference.operations import operations
from tests.support.keystone import Missing, environment
from tests.support.left_out import leave_out
from tests.support.service import Service

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
)


def test_document_is_valid_and_has_every_route() -> None:
    document = openapi.document()
    OpenAPIV31SpecValidator(document).validate()
    paths = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert paths == {(one.path, one.route.method) for one in operations()}


@pytest.mark.slow
def test_responses_conform_to_document(service: Service, tmp_path: Path) -> None:
    try:
        program = environment("schemathesis", ("schemathesis==4.32.5",)) / "bin" / "st"
    except Missing as error:
        leave_out(error)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(openapi.document()))
    command = [str(program), "run", str(file), "--url", service.url, "-H", "X-Auth-Token: ann:library:admin"]
    bounds = ["--phases", "fuzzing", "--max-examples", "15", "--warnings", "off"]
    done = subprocess.run(
        [*command, *bounds, "--checks", ",".join(CHECKS)],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout
    assert f"Tested: {len(list(operations()))}" in done.stdout
