"""AWS Signature Version 4 for Amazon Managed Service for Prometheus, by botocore.

requests-auth-aws-sigv4 is not used: it drops repeated parameters (``match[]``) from what it signs, and
signs a blank as ``+``, so that most PromQL would be refused.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.auth import AuthBase

from analysis.errors import AccessError, InputError


class SigV4(AuthBase):
    """Signs each request with the credentials of the AWS environment (variables, profile, role).

    Args:
        region: of the workspace.
        service: that is signed for; ``aps`` is Amazon Managed Prometheus.

    Raises:
        InputError: botocore is not installed.
    """

    def __init__(self, region: str, service: str) -> None:
        """Find the credentials; those of a role are renewed by botocore."""
        try:
            import botocore.session
        except ImportError:
            raise InputError("signing for AWS is not installed; run: pip install 'promreview[aws]'") from None
        self.region, self.service = region, service
        self.credentials = botocore.session.Session().get_credentials()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with its signature."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        if self.credentials is None:
            raise AccessError("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
        parts = urlsplit(str(request.url))
        # requests writes a blank as `+`, and a plus as %2B; AWS reads the former as a plus
        request.url = urlunsplit(parts._replace(query=parts.query.replace("+", "%20")))
        signed: Any = AWSRequest(request.method, request.url, data=request.body)
        SigV4Auth(self.credentials, self.service, self.region).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


__all__ = ["SigV4"]
