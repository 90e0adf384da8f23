"""boto3, and requests that botocore signs: what S3 does in the corners that other scripts pass by, and how it refuses."""
import base64
import datetime
import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zlib

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ENDPOINT = os.environ["ENDPOINT"]
s3 = boto3.client("s3", endpoint_url=ENDPOINT, config=Config(signature_version="s3v4", retries={"max_attempts": 1}))
credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
bucket = "lines-" + uuid.uuid4().hex[:12]


def ok(what):
    print("ok", what)


def raw(method, path, headers={}, body=b""):
    """Status, headers and text of a request that botocore signs and no client of ours would make."""
    request = AWSRequest(method=method, url=ENDPOINT + path, headers=dict(headers), data=body)
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    c = http.client.HTTPConnection(urllib.parse.urlsplit(ENDPOINT).netloc)
    c.request(method, path, body=body, headers=dict(request.prepare().headers))
    r = c.getresponse()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read().decode("utf-8", "replace")


def refused(what, status, code, call, *args, **params):
    """A call that must fail so; the text of its message."""
    try:
        call(*args, **params)
    except ClientError as e:
        got = e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"]
        assert got == (status, code), (what, got, e.response["Error"])
        ok("refused: " + what)
        return e.response["Error"]["Message"]
    raise AssertionError(what + " was taken")


def answers(what, status, text, *args):
    got, _, body = raw(*args)
    assert got == status and text in body, (what, got, body)
    ok(what)
    return body


# Buckets: tags from the start, and everything that a tool which describes buckets asks for.
config = b"<CreateBucketConfiguration><Tags><Tag><Key>team</Key><Value>red</Value></Tag></Tags></CreateBucketConfiguration>"
answers("a bucket with tags", 200, "", "PUT", "/" + bucket, {}, config)
assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "team", "Value": "red"}]
answers("a tag twice", 400, "<Message>Duplicate Tag Keys are not allowed.</Message>", "PUT", "/" + bucket + "x", {},
        config.replace(b"</Tags>", b"<Tag><Key>team</Key><Value>blue</Value></Tag></Tags>"))
answers("a tag of AWS's", 400, "<Code>InvalidTag</Code>", "PUT", "/" + bucket + "x", {}, config.replace(b"team", b"aws:team"))
answers("a directory bucket", 501, "NotImplemented", "PUT", "/" + bucket + "x", {}, b"<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>")
reads = {
    "accelerate_configuration": None, "acl": None, "cors": "NoSuchCORSConfiguration", "encryption": None, "lifecycle_configuration": "NoSuchLifecycleConfiguration",
    "location": None, "logging": None, "ownership_controls": None, "policy": "NoSuchBucketPolicy", "policy_status": "NoSuchBucketPolicy", "request_payment": None,
    "tagging": None, "versioning": None, "website": "NoSuchWebsiteConfiguration", "replication": "NotImplemented", "notification_configuration": "NotImplemented",
}
for name, code in reads.items():
    call = getattr(s3, "get_bucket_" + name)
    if code is None:
        call(Bucket=bucket)
        ok("a new bucket's " + name)
    else:
        refused("a new bucket's " + name, 501 if code == "NotImplemented" else 404, code, call, Bucket=bucket)
assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
refused("Object Lock of a bucket without", 404, "ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration, Bucket=bucket)
for name, operation in {
    "list_bucket_analytics_configurations": "ListBucketAnalyticsConfigurations", "list_bucket_inventory_configurations": "ListBucketInventoryConfigurations",
    "list_bucket_metrics_configurations": "ListBucketMetricsConfigurations", "list_bucket_intelligent_tiering_configurations": "ListBucketIntelligentTieringConfigurations",
}.items():
    message = refused(operation, 501, "NotImplemented", getattr(s3, name), Bucket=bucket)
    assert operation in message, message
message = refused("one inventory", 501, "NotImplemented", s3.get_bucket_inventory_configuration, Bucket=bucket, Id="a")
assert "GetBucketInventoryConfiguration" in message, message
message = refused("acceleration", 501, "NotImplemented", s3.put_bucket_accelerate_configuration, Bucket=bucket, AccelerateConfiguration={"Status": "Enabled"})
assert "PutBucketAccelerateConfiguration" in message, message
message = refused("a restore", 501, "NotImplemented", s3.restore_object, Bucket=bucket, Key="k", RestoreRequest={"Days": 1})
assert "RestoreObject" in message, message
answers("RenameObject", 501, "The operation RenameObject is not implemented", "PUT", "/%s/k?renameObject" % bucket, {"x-amz-rename-source": "x"})
answers("an append", 501, "<Header>x-amz-write-offset-bytes</Header>", "PUT", "/%s/k" % bucket, {"x-amz-write-offset-bytes": "1"}, b"x")
for method in ("GET", "PUT", "DELETE", "POST"):
    status, _, body = raw(method, "/%s?unknown" % bucket)
    assert status in (405, 501), (method, status, body)
    status, _, body = raw(method, "/%s/k?unknown" % bucket)
    assert status in (405, 501), (method, status, body)
    ok("an unknown subresource of %s" % method)
assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
for region, code in [("us-east-1", "InvalidLocationConstraint"), ("eu-west-1", "IllegalLocationConstraintException"), ("bar", "InvalidLocationConstraint"), ("EU", "IllegalLocationConstraintException")]:
    refused("a bucket in " + region, 400, code, s3.create_bucket, Bucket=bucket + "x", CreateBucketConfiguration={"LocationConstraint": region})
status, headers, body = raw("GET", "/?prefix=%s&max-buckets=1" % bucket)
assert status == 200 and "<BucketRegion>us-east-1</BucketRegion>" in body and body.count("<Bucket>") == 1, body
status, headers, body = raw("GET", "/?bucket-region=eu-west-1")
assert body.count("<Bucket>") == 0, body
answers("a token that is none", 400, "<ArgumentName>continuation-token</ArgumentName>", "GET", "/?continuation-token=x")
ok("pages and filters of buckets")
for owner, status, code in [("111111111111", 403, "AccessDenied"), ("abcd", 400, "InvalidBucketOwnerAWSAccountID")]:
    refused("the expected owner " + owner, status, code, s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner=owner)
    refused("the expected owner of a source " + owner, status, code, s3.copy_object, Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k"}, ExpectedSourceBucketOwner=owner)

# Versions, and deletions of many.
refused("MFA delete", 501, "NotImplemented", s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"}, MFA="arn 123456")
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
ids = [s3.put_object(Bucket=bucket, Key="v", Body=b"%d" % i)["VersionId"] for i in range(3)]
deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "v", "VersionId": ids[0]}, {"Key": "v", "VersionId": "none"}, {"Key": "nothing"}]})
assert [(e["Key"], e["Code"], e["VersionId"]) for e in deleted["Errors"]] == [("v", "NoSuchVersion", "none")], deleted
assert sorted(d["Key"] for d in deleted["Deleted"]) == ["nothing", "v"], deleted
ok("a deletion that fails for one of many")
quiet = s3.delete_objects(Bucket=bucket, Delete={"Quiet": True, "Objects": [{"Key": "v", "VersionId": ids[1]}, {"Key": "v", "VersionId": "none"}]})
assert "Deleted" not in quiet and len(quiet["Errors"]) == 1, quiet
ok("a quiet one")
refused("a deletion of 1,001", 400, "MalformedXML", s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": str(i)} for i in range(1001)]})
answers("a deletion without a digest", 400, "InvalidRequest", "POST", "/%s?delete" % bucket, {}, b"<Delete><Object><Key>v</Key></Object></Delete>")
digest = lambda body: {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}
body = b"<Delete><Object><Key>v</Key><Size>1</Size></Object></Delete>"
answers("a condition of directory buckets", 501, "only directory buckets have them", "POST", "/%s?delete" % bucket, digest(body), body)
answers("one in a header", 501, "<Header>x-amz-if-match-size</Header>", "DELETE", "/%s/v" % bucket, {"x-amz-if-match-size": "1"})
assert s3.get_object(Bucket=bucket, Key="v")["Body"].read() == b"2"
marker = s3.delete_object(Bucket=bucket, Key="v")["VersionId"]
for version, status in [("", 404), ("?versionId=" + marker, 405)]:
    got, headers, _ = raw("GET", "/%s/v%s" % (bucket, version))
    assert got == status and headers.get("x-amz-delete-marker") == "true", (got, headers)
    ok("a delete marker answers %d" % status)
refused("a copy of a delete marker", 400, "InvalidRequest", s3.copy_object, Bucket=bucket, Key="w", CopySource={"Bucket": bucket, "Key": "v", "VersionId": marker})
answers("an empty marker of a version", 400, "A version-id marker cannot be empty.", "GET", "/%s?versions&key-marker=v&version-id-marker=" % bucket)
answers("a marker of a version without a key", 400, "without a key marker", "GET", "/%s?versions&version-id-marker=%s" % (bucket, marker))
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
s3.put_object(Bucket=bucket, Key="v", Body=b"null")
listed = s3.list_object_versions(Bucket=bucket, Prefix="v")
assert [(v["VersionId"] == "null", v["IsLatest"]) for v in listed["Versions"]] == [(True, True), (False, False)], listed
ok("the null version of a suspended bucket")

# Parts: their checksums, their pages, and when they will be aborted.
s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [{"ID": "rule", "Filter": {"Prefix": "m"}, "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]})
upload = s3.create_multipart_upload(Bucket=bucket, Key="m", ChecksumAlgorithm="SHA256")
assert upload["AbortRuleId"] == "rule", upload
soonest = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=7)
assert datetime.timedelta(0) <= upload["AbortDate"] - soonest.replace(microsecond=0) <= datetime.timedelta(days=1, minutes=1), upload
ok("when an upload will be aborted")
parts = []
for number, content in ((1, b"a" * (5 << 20)), (3, b"b")):
    p = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload["UploadId"], PartNumber=number, Body=content, ChecksumAlgorithm="SHA256")
    parts.append({"PartNumber": number, "ETag": p["ETag"], "ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()})
listed = s3.list_parts(Bucket=bucket, Key="m", UploadId=upload["UploadId"], MaxParts=1)
assert listed["IsTruncated"] and listed["NextPartNumberMarker"] == 1 and listed["AbortRuleId"] == "rule", listed
listed = s3.list_parts(Bucket=bucket, Key="m", UploadId=upload["UploadId"], PartNumberMarker=1)
assert [p["ChecksumSHA256"] for p in listed["Parts"]] == [parts[1]["ChecksumSHA256"]], listed
ok("pages of parts")
complete = dict(Bucket=bucket, Key="m", UploadId=upload["UploadId"])
without = [{k: v for k, v in p.items() if k != "ChecksumSHA256"} for p in parts]
refused("parts without checksums", 400, "InvalidRequest", s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": without})
refused("parts in another order", 400, "InvalidPartOrder", s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": parts[::-1]})
refused("no parts", 400, "InvalidRequest", s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": []})
wrong = [dict(parts[0], ChecksumSHA256=parts[1]["ChecksumSHA256"]), parts[1]]
refused("another checksum of a part", 400, "BadDigest", s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": wrong})
s3.complete_multipart_upload(**complete, MultipartUpload={"Parts": parts})
composite = base64.b64encode(hashlib.sha256(b"".join(base64.b64decode(p["ChecksumSHA256"]) for p in parts)).digest()).decode()
head = s3.head_object(Bucket=bucket, Key="m", ChecksumMode="ENABLED")
assert head["ChecksumSHA256"] == composite + "-2", head
_, headers, _ = raw("HEAD", "/%s/m?partNumber=2" % bucket, {"x-amz-checksum-mode": "ENABLED"})
assert headers["x-amz-checksum-sha256"] == parts[1]["ChecksumSHA256"] and headers["x-amz-checksum-type"] == "COMPOSITE" and headers["x-amz-mp-parts-count"] == "2", headers
attributes = s3.get_object_attributes(Bucket=bucket, Key="m", ObjectAttributes=["Checksum", "ObjectParts", "ObjectSize", "ETag", "StorageClass"])
assert attributes["Checksum"]["ChecksumSHA256"] == composite and attributes["ObjectParts"]["TotalPartsCount"] == 2, attributes
ok("a composite checksum, of the whole and of a part")
refused("a part that is not there", 416, "416", s3.head_object, Bucket=bucket, Key="m", PartNumber=3)
refused("a part and a range", 400, "InvalidRequest", s3.get_object, Bucket=bucket, Key="m", PartNumber=1, Range="bytes=0-1")
upload = s3.create_multipart_upload(Bucket=bucket, Key="m2")["UploadId"]
for bounds, code in [("bytes=0-9999999", "InvalidArgument"), ("bytes=5-", "InvalidArgument"), ("0-1", "InvalidArgument"), ("bytes=9999999-9999999", "InvalidRequest")]:
    refused("a copy of the part " + bounds, 400, code, s3.upload_part_copy, Bucket=bucket, Key="m2", UploadId=upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "m"}, CopySourceRange=bounds)
full = base64.b64encode(zlib.crc32(b"x").to_bytes(4, "big")).decode()
status, headers, _ = raw("POST", "/%s/f?uploads" % bucket, {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"})
assert status == 200 and headers["x-amz-checksum-type"] == "FULL_OBJECT", headers
for algorithm, kind in [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE"), ("SHA512", None)]:
    wish = {"x-amz-checksum-algorithm": algorithm, **({"x-amz-checksum-type": kind} if kind else {})}
    answers("an upload with %s %s" % (algorithm, kind), 400, "InvalidRequest", "POST", "/%s/f?uploads" % bucket, wish)
answers("a checksum that is not served", 400, "Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]", "PUT", "/%s/f" % bucket, {"x-amz-checksum-xxhash64": "AAAA"}, b"x")
answers("two checksums", 400, "Expecting a single x-amz-checksum- header.", "PUT", "/%s/f" % bucket, {"x-amz-checksum-crc32": full, "x-amz-checksum-sha1": "x"}, b"x")

# Presigned URLs that sign headers.
url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p", "ContentType": "text/plain", "Metadata": {"a": "b"}, "StorageClass": "STANDARD_IA"}, ExpiresIn=60)


def put(headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, b"x", headers, method="PUT")).status, ""
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


signed = {"Content-Type": "text/plain", "x-amz-meta-a": "b", "x-amz-storage-class": "STANDARD_IA"}
for what, headers, status, text in [
    ("without its headers", {"Content-Type": "text/plain"}, 403, "SignatureDoesNotMatch"), ("with another value", dict(signed, **{"x-amz-meta-a": "c"}), 403, "SignatureDoesNotMatch"),
    ("with a header more", dict(signed, **{"x-amz-meta-c": "d"}), 403, "<HeadersNotSigned>x-amz-meta-c</HeadersNotSigned>"), ("as it was signed", signed, 200, ""),
]:
    got = put(headers)
    assert got[0] == status and text in got[1], (what, got)
    ok("a presigned URL " + what)
head = s3.head_object(Bucket=bucket, Key="p")
assert head["Metadata"] == {"a": "b"} and head["StorageClass"] == "STANDARD_IA", head

# Keys of every kind, in pages.
keys = ["/", "//a", "..", "./a", "a/../b", "a b", "a+b", "a%2Fb", "a&<>\"'", "ü/€", "\u00e9", "e\u0301", "\U0001f600", "k\n", "\x01", "~", "?a=b", "#c", "z" * 1024]
other = bucket + "-keys"
s3.create_bucket(Bucket=other)
for k in keys:
    s3.put_object(Bucket=other, Key=k, Body=k.encode())
for k in keys:
    assert s3.get_object(Bucket=other, Key=k)["Body"].read() == k.encode(), k
ok("%d strange keys" % len(keys))
for name, what in [("list_objects_v2", "Contents"), ("list_objects", "Contents"), ("list_object_versions", "Versions")]:
    found = [o["Key"] for page in s3.get_paginator(name).paginate(Bucket=other, PaginationConfig={"PageSize": 2}) for o in page.get(what, [])]
    assert found == sorted(keys, key=str.encode), (name, found)
    ok("strange keys in pages of " + name)
refused("a key of 1,025 bytes", 400, "KeyTooLongError", s3.put_object, Bucket=other, Key="z" * 1025, Body=b"")
