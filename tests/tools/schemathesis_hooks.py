"""Signs schemathesis in as HANDOVER_ROLE, and lets part of its calls meet files and links that are there.

Hooks are called for every case that is made; they draw nothing at random, so that a run can be repeated.
"""

import os
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import strategies

URL = os.environ["HANDOVER_URL"]
ROLE = os.environ["HANDOVER_ROLE"]
PASSWORD = "correct horse battery"
FIXTURES = Path(__file__).parent.parent / "fixtures" / "office"
DOCUMENT = FIXTURES / "report-python-docx.docx"


def sign_in(role):
    user = {"username": role, "email": f"{role}@example.org", "password": PASSWORD, "is_operation_user": role == "operation"}
    requests.post(f"{URL}/register", json=user).raise_for_status()
    login = requests.post(f"{URL}/login", json=user)
    login.raise_for_status()
    return {"Authorization": f"Bearer {login.json()['access_token']}"}


OPERATION, CLIENT = sign_in("operation"), sign_in("client")


def upload():
    with DOCUMENT.open("rb") as file:
        requests.put(f"{URL}/upload/{DOCUMENT.name}", data=file, headers=OPERATION).raise_for_status()


def mint():
    """The token of a fresh link."""
    upload()  # it may have been deleted by the case before
    link = requests.post(f"{URL}/generate_download_url/{DOCUMENT.name}", headers=CLIENT)
    link.raise_for_status()
    return urlsplit(link.json()["download_url"]).path.rsplit("/", 1)[1]


def make_batch():
    """A fresh batch of one file."""
    batch = requests.post(f"{URL}/api/batches", files={"files": ("a.txt", b"content")}, headers=CLIENT)
    batch.raise_for_status()
    return batch.json()


@schemathesis.auth()
class SignedIn:
    def get(self, case, ctx):
        return {"operation": OPERATION, "client": CLIENT, "nobody": {}}[ROLE]

    def set(self, case, data, ctx):
        case.headers.update(data)


calls = count()


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    if path_parameters and next(calls) % 2 == 0:
        if "filename" in path_parameters:
            upload()
            path_parameters["filename"] = DOCUMENT.name
        if "download_token" in path_parameters:
            path_parameters["download_token"] = mint()
    return path_parameters


@schemathesis.hook
def map_case(ctx, case):
    """Lets part of the calls meet a batch that is there, most of them with its key."""
    number = next(calls)
    if case.path.startswith("/api/batches/{id}") and number % 4 == 0:
        batch = make_batch()
        case.path_parameters["id"] = batch["batch_id"]
        if case.method in ("GET", "HEAD", "DELETE") and "file" in case.path_parameters:
            case.path_parameters["file"] = batch["files"][0]["file_id"]
        case.headers.pop("X-Manage-Key", None)
        if number % 16:
            case.headers["X-Manage-Key"] = batch["manage_key"]
    return case


# Documents as well as noise, where a file is the body.
schemathesis.openapi.media_type(
    "application/octet-stream",
    strategies.one_of(
        strategies.sampled_from(sorted(FIXTURES.iterdir())).map(Path.read_bytes), strategies.binary(max_size=1000)
    ),
)
