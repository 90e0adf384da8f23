"""boto3 as a workload: a token in a file, no access key, and S3 as the role that trusts it."""
import functools
import os

import boto3
import botocore.session
from botocore.credentials import AssumeRoleWithWebIdentityProvider
from botocore.exceptions import ClientError


def ok(what):
    print("ok", what)


def session():
    """A session that boto3 makes by itself. Before 1.28 it does not read AWS_ENDPOINT_URL_STS: it is told."""
    made = botocore.session.get_session()
    if tuple(map(int, boto3.__version__.split(".")[:2])) < (1, 28):
        provider = AssumeRoleWithWebIdentityProvider(
            load_config=lambda: made.full_config,
            client_creator=functools.partial(made.create_client, endpoint_url=os.environ["AWS_ENDPOINT_URL_STS"]),
            profile_name="default")
        made.get_component("credential_provider").insert_before("assume-role-with-web-identity", provider)
    return boto3.Session(botocore_session=made)


workload = session()
identity = workload.client("sts", endpoint_url=os.environ["ENDPOINT"]).get_caller_identity()
assert identity["Arn"].endswith(":assumed-role/workload/build-7"), identity
ok("the role, by a token in a file")

s3 = workload.client("s3", endpoint_url=os.environ["ENDPOINT"])
s3.put_object(Bucket=os.environ["BUCKET"], Key="home/org-alice/boto3", Body=b"mine")
assert s3.get_object(Bucket=os.environ["BUCKET"], Key="home/org-alice/boto3")["Body"].read() == b"mine"
ok("a folder that is named by the token's subject")
try:
    s3.put_object(Bucket=os.environ["BUCKET"], Key="home/org-bob/boto3", Body=b"")
    raise AssertionError("another's folder")
except ClientError as e:
    assert e.response["Error"]["Code"] == "AccessDenied", e
ok("no other one")

sts = workload.client("sts", endpoint_url=os.environ["ENDPOINT"])
try:
    sts.assume_role_with_web_identity(RoleArn=os.environ["AWS_ROLE_ARN"], RoleSessionName="s1", WebIdentityToken="nonsense")
    raise AssertionError("no token")
except sts.exceptions.InvalidIdentityTokenException as e:
    assert "not a valid JWT" in str(e), e
ok("an exception of its own for a token that is none")
