"""boto3: access control lists of buckets and objects, between two accounts and nobody."""
import os
import urllib.error
import urllib.request
import uuid

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["ENDPOINT"]
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


def ok(what):
    print("ok", what)


def client(service="s3", endpoint=ENDPOINT, **more):
    return boto3.client(service, endpoint_url=endpoint, **more)


def denied(call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 403, e
        return
    raise AssertionError("%s %s was not denied" % (call, arguments))


own = client()
other = client(aws_access_key_id=os.environ["OTHER_ACCESS_KEY_ID"], aws_secret_access_key=os.environ["OTHER_SECRET_ACCESS_KEY"])
nobody = client(config=Config(signature_version=UNSIGNED))
bucket = "boto3-acl-" + uuid.uuid4().hex[:12]
own.create_bucket(Bucket=bucket, ObjectOwnership="ObjectWriter")
owner_id, other_id = own.list_buckets()["Owner"]["ID"], other.list_buckets()["Owner"]["ID"]

# The resources of boto3 read and write ACLs as documents.
resource = boto3.resource("s3", endpoint_url=ENDPOINT)
acl = resource.BucketAcl(bucket)
assert acl.owner["ID"] == owner_id and [g["Permission"] for g in acl.grants] == ["FULL_CONTROL"], acl.grants
grants = acl.grants + [{"Grantee": {"Type": "CanonicalUser", "ID": other_id}, "Permission": p} for p in ("READ", "WRITE")]
acl.put(AccessControlPolicy={"Owner": acl.owner, "Grants": grants})
acl.reload()
assert [(g["Grantee"]["ID"], g["Permission"]) for g in acl.grants] == [(g["Grantee"]["ID"], g["Permission"]) for g in grants], acl.grants
ok("a bucket's ACL as it was put")

other.put_object(Bucket=bucket, Key="theirs", Body=b"theirs")
assert other.get_object(Bucket=bucket, Key="theirs")["Body"].read() == b"theirs"
denied(own.get_object, Bucket=bucket, Key="theirs")
denied(own.head_object, Bucket=bucket, Key="theirs")
ok("an object of another account")

listed = own.list_objects(Bucket=bucket)["Contents"]
assert [(o["Key"], o["Owner"]["ID"]) for o in listed] == [("theirs", other_id)], listed
ok("its owner in a listing")

theirs = boto3.resource("s3", endpoint_url=ENDPOINT, aws_access_key_id=os.environ["OTHER_ACCESS_KEY_ID"],
                        aws_secret_access_key=os.environ["OTHER_SECRET_ACCESS_KEY"]).ObjectAcl(bucket, "theirs")
theirs.put(AccessControlPolicy={"Owner": theirs.owner, "Grants": []})
denied(nobody.get_object, Bucket=bucket, Key="theirs")
assert other.get_object(Bucket=bucket, Key="theirs")["Body"].read() == b"theirs"
ok("no grants, of which an owner needs none")

theirs.put(ACL="bucket-owner-full-control")
assert own.get_object(Bucket=bucket, Key="theirs")["Body"].read() == b"theirs"
for response in (own.get_object_acl(Bucket=bucket, Key="theirs"), other.get_object_acl(Bucket=bucket, Key="theirs")):
    assert response["Owner"]["ID"] == other_id and len(response["Grants"]) == 2, response
ok("bucket-owner-full-control")

try:
    own.put_object_acl(Bucket=bucket, Key="theirs", AccessControlPolicy={"Owner": {"ID": owner_id}, "Grants": []})
    raise AssertionError("the owner was changed")
except ClientError as e:
    assert e.response["Error"]["Code"] == "AccessDenied", e
ok("an owner that nobody changes")

own.put_object(Bucket=bucket, Key="open", Body=b"open", GrantRead='uri="%s"' % ALL_USERS, GrantFullControl='id="%s"' % owner_id)
grants = own.get_object_acl(Bucket=bucket, Key="open")["Grants"]
assert {"Grantee": {"Type": "Group", "URI": ALL_USERS}, "Permission": "READ"} in grants, grants
assert nobody.get_object(Bucket=bucket, Key="open")["Body"].read() == b"open"
assert urllib.request.urlopen("%s/%s/open" % (ENDPOINT, bucket)).read() == b"open"
denied(nobody.get_object_acl, Bucket=bucket, Key="open")
denied(nobody.list_objects_v2, Bucket=bucket)
ok("an object that is open to everyone")

own.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
first = own.put_object(Bucket=bucket, Key="open", Body=b"closed")["VersionId"]
denied(nobody.get_object, Bucket=bucket, Key="open")
assert nobody.get_object(Bucket=bucket, Key="open", VersionId="null")["Body"].read() == b"open"
own.put_object_acl(Bucket=bucket, Key="open", VersionId="null", ACL="private")
own.put_object_acl(Bucket=bucket, Key="open", VersionId=first, ACL="public-read")
denied(nobody.get_object, Bucket=bucket, Key="open", VersionId="null")
assert nobody.get_object(Bucket=bucket, Key="open")["Body"].read() == b"closed"
ok("ACLs of versions")

other.delete_object(Bucket=bucket, Key="theirs")
markers = own.list_object_versions(Bucket=bucket, Prefix="theirs")["DeleteMarkers"]
assert [m["Owner"]["ID"] for m in markers] == [other_id], markers
denied(other.delete_object, Bucket=bucket, Key="open")
ok("a delete marker of who deletes what is his")

upload = other.create_multipart_upload(Bucket=bucket, Key="upload", ACL="public-read")["UploadId"]
part = other.upload_part(Bucket=bucket, Key="upload", UploadId=upload, PartNumber=1, Body=b"part")
other.complete_multipart_upload(Bucket=bucket, Key="upload", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
assert nobody.get_object(Bucket=bucket, Key="upload")["Body"].read() == b"part"
ok("the ACL of an upload")

own.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "upload"})
denied(nobody.get_object, Bucket=bucket, Key="copy")
ok("a copy without the ACL of its source")

# S3 Control puts the account's id before the host's name, which needs no DNS behind
# a proxy.
port = ENDPOINT.rsplit(":", 1)[1]
control = client("s3control", endpoint="http://localhost:" + port, config=Config(proxies={"http": ENDPOINT}))
account = os.environ["ACCOUNT"]
settings = {"BlockPublicAcls": False, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": True}
control.put_public_access_block(AccountId=account, PublicAccessBlockConfiguration=settings)
assert control.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"] == settings
denied(nobody.get_object, Bucket=bucket, Key="upload")
control.delete_public_access_block(AccountId=account)
try:
    control.get_public_access_block(AccountId=account)
    raise AssertionError("it is still there")
except control.exceptions.NoSuchPublicAccessBlockConfiguration:
    pass
assert nobody.get_object(Bucket=bucket, Key="upload")["Body"].read() == b"part"
ok("Block Public Access of the account")

own.put_bucket_acl(Bucket=bucket, ACL="private")
own.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
denied(nobody.get_object, Bucket=bucket, Key="upload")
denied(other.get_object, Bucket=bucket, Key="upload")
assert own.get_object(Bucket=bucket, Key="upload")["Body"].read() == b"part"
own.delete_bucket_ownership_controls(Bucket=bucket)
denied(own.get_object_acl, Bucket=bucket, Key="upload")
assert nobody.get_object(Bucket=bucket, Key="upload")["Body"].read() == b"part"
ok("ACLs that count again")
