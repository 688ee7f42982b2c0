"""An S3-compatible server on loopback, which can fail as often as one likes."""

import itertools
import threading
from contextlib import contextmanager
from uuid import uuid4

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


@contextmanager
def s3(fails_every=0):
    """Its URL, and what it was asked so far; every so many requests fail with one error or another."""
    real = DomainDispatcherApplication(create_backend_app)
    asked, numbers = [], itertools.count(1)
    errors = itertools.cycle(["500 Internal Server Error", "503 Slow Down", "429 Too Many Requests"])

    def application(environ, start_response):
        asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if fails_every and next(numbers) % fails_every == 0:
            start_response(next(errors), [("Content-Length", "0")])
            return [b""]
        return real(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def bucket(url):
    """A new bucket, as the root of an archive."""
    name = f"b-{uuid4().hex[:12]}"
    given = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=url, **given).create_bucket(Bucket=name)
    return f"s3://{name}/kept"


def environment(url):
    """What a process needs to get in."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
