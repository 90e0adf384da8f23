"""boto3: transfers, resources, waiters, versions, presigned URLs, IAM and STS."""
import io
import os
import urllib.request
import uuid

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError


def ok(what):
    print("ok", what)


def client(service, **more):
    return boto3.client(service, endpoint_url=os.environ["ENDPOINT"], **more)


print("client boto3", boto3.__version__)
bucket = "boto3-" + uuid.uuid4().hex[:12]
s3 = client("s3", config=Config(signature_version="s3v4"))
resource = boto3.resource("s3", endpoint_url=os.environ["ENDPOINT"])
s3.create_bucket(Bucket=bucket)
s3.get_waiter("bucket_exists").wait(Bucket=bucket)
ok("a bucket, and a waiter for it")

data = os.urandom(20 << 20)
s3.upload_fileobj(io.BytesIO(data), bucket, "big", Config=TransferConfig(multipart_chunksize=5 << 20))
back = io.BytesIO()
s3.download_fileobj(bucket, "big", back, Config=TransferConfig(multipart_threshold=1 << 20))
assert back.getvalue() == data
ok("20 MiB up in parts and down in ranges")

for i in range(1100):
    resource.Object(bucket, "many/%04d" % i).put(Body=b"")
keys = [o.key for o in resource.Bucket(bucket).objects.filter(Prefix="many/")]
assert keys == ["many/%04d" % i for i in range(1100)], len(keys)
ok("a listing over several pages")
resource.Bucket(bucket).objects.filter(Prefix="many/").delete()
assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
ok("a deletion of 1,100 keys")

url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "presigned"}, ExpiresIn=60)
urllib.request.urlopen(urllib.request.Request(url, data=b"by URL", method="PUT")).read()
url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "presigned"}, ExpiresIn=60)
assert urllib.request.urlopen(url).read() == b"by URL"
ok("presigned URLs")

resource.BucketVersioning(bucket).enable()
for body in (b"1", b"2"):
    resource.Object(bucket, "v").put(Body=body)
resource.Object(bucket, "v").delete()
listed = s3.list_object_versions(Bucket=bucket, Prefix="v")
assert [m["IsLatest"] for m in listed["DeleteMarkers"]] == [True], listed
newest, oldest = listed["Versions"]
assert resource.ObjectVersion(bucket, "v", oldest["VersionId"]).get()["Body"].read() == b"1"
assert resource.ObjectVersion(bucket, "v", newest["VersionId"]).get()["Body"].read() == b"2"
ok("versions")

try:
    s3.get_object(Bucket=bucket, Key="v")
    raise AssertionError("a deleted object was read")
except s3.exceptions.NoSuchKey as e:
    assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 404
ok("errors as exceptions")

iam, name = client("iam"), "boto3-" + uuid.uuid4().hex[:8]
iam.create_user(UserName=name)
key = iam.create_access_key(UserName=name)["AccessKey"]
iam.put_user_policy(UserName=name, PolicyName="one", PolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/presigned"}}' % bucket)
as_user = client("s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
assert as_user.get_object(Bucket=bucket, Key="presigned")["Body"].read() == b"by URL"
try:
    as_user.get_object(Bucket=bucket, Key="big")
    raise AssertionError("a user read what he must not")
except ClientError as e:
    assert e.response["Error"]["Code"] == "AccessDenied", e
    assert "because no identity-based policy allows the s3:GetObject action" in str(e), e
ok("a user with one permission")
verdict = iam.simulate_principal_policy(PolicySourceArn=iam.get_user(UserName=name)["User"]["Arn"], ActionNames=["s3:GetObject", "s3:PutObject"], ResourceArns=["arn:aws:s3:::%s/presigned" % bucket])
assert [r["EvalDecision"] for r in verdict["EvaluationResults"]] == ["allowed", "implicitDeny"], verdict
ok("the policy simulator says the same")
assert client("sts").get_caller_identity()["Arn"].endswith(":root")
ok("who is asking")

iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
iam.delete_user_policy(UserName=name, PolicyName="one")
iam.delete_user(UserName=name)
resource.Bucket(bucket).object_versions.delete()
resource.Bucket(bucket).delete()
ok("all of it gone")
