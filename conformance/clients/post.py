"""Forms of boto3's generate_presigned_post, sent by curl as a browser sends them."""
import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile
import uuid

import boto3
from botocore.config import Config

ENDPOINT = os.environ["ENDPOINT"]
USER = {"aws_access_key_id": os.environ["USER_ACCESS_KEY_ID"], "aws_secret_access_key": os.environ["USER_SECRET_ACCESS_KEY"]}


def client(**more):
    return boto3.client("s3", endpoint_url=ENDPOINT, config=Config(signature_version="s3v4"), **more)


root = client()
bucket = "post-" + uuid.uuid4().hex[:12]
root.create_bucket(Bucket=bucket)
folder = tempfile.mkdtemp()
content = os.path.join(folder, "photo.jpg")
with open(content, "wb") as f:
    f.write(os.urandom(100_000))
tag = '"%s"' % hashlib.md5(open(content, "rb").read()).hexdigest()


def form(key, fields={}, conditions=None, who=None, **more):
    """A form with a condition for each field, unless there are others."""
    if conditions is None:
        conditions = [{name: value} for name, value in fields.items()]
    return (who or root).generate_presigned_post(bucket, key, Fields=dict(fields), Conditions=list(conditions), **more)


def send(post, file=content, extra=(), url=None, options=()):
    """Posts a form, and returns status, headers and body."""
    command = ["curl", "-s", "-i", "--max-time", "60", *options]
    for name, value in post["fields"].items():
        command += ["--form-string", "%s=%s" % (name, value)]
    for x in extra:
        command += ["--form-string", x]
    if file:
        command += ["-F", "file=@" + file]
    for _ in range(5):
        ran = subprocess.run(command + [url or post["url"]], capture_output=True)
        if ran.returncode != 55:  # curl was still sending when the answer had come and the connection was closed
            break
    ran.check_returncode()
    out = ran.stdout
    while out.startswith(b"HTTP/1.1 100"):
        out = out.split(b"\r\n\r\n", 1)[1]
    head, _, body = out.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:])}, body.decode()


def expect(what, answer, status, *texts, **headers):
    got, had, body = answer
    assert got == status, (what, answer)
    for text in texts:
        assert text in body, (what, text, body)
    for name, value in headers.items():
        assert had.get(name.replace("_", "-")) == value, (what, name, value, had)
    print("ok", what)


def refused(what, post, status, code, *texts, **more):
    keys = {o["Key"]: o["ETag"] for o in root.list_objects_v2(Bucket=bucket).get("Contents", [])}
    expect(what, send(post, **more), status, "<Code>%s</Code>" % code, *texts)
    after = {o["Key"]: o["ETag"] for o in root.list_objects_v2(Bucket=bucket).get("Contents", [])}
    assert keys == after, (what, keys, after)


expect("a form", send(form("a.jpg")), 204, etag=tag)
assert root.get_object(Bucket=bucket, Key="a.jpg")["Body"].read() == open(content, "rb").read()
expect("the name of the file", send(form("in/${filename}")), 204)
root.head_object(Bucket=bucket, Key="in/photo.jpg")
expect("a document", send(form("d/é x", {"success_action_status": "201"})), 201, "<Bucket>%s</Bucket>" % bucket, "<Key>d/é x</Key>")
answer = send(form("r/x", {"success_action_redirect": "https://example.com/done?a=b"}))
expect("a page to go to", answer, 303, location="https://example.com/done?a=b&bucket=%s&key=r%%2Fx&etag=%%22%s%%22" % (bucket, tag.strip('"')))
fields = {
    "acl": "bucket-owner-full-control", "Content-Type": "image/jpeg", "Cache-Control": "no-cache", "x-amz-meta-colour": "grün",
    "x-amz-storage-class": "STANDARD_IA", "x-amz-server-side-encryption": "AES256",
    "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
}
expect("all that a form can say", send(form("all", fields)), 204)
head = root.head_object(Bucket=bucket, Key="all")
assert head["ContentType"] == "image/jpeg" and head["StorageClass"] == "STANDARD_IA" and head["CacheControl"] == "no-cache", head
assert root.get_object_tagging(Bucket=bucket, Key="all")["TagSet"] == [{"Key": "a", "Value": "b"}]
sums = {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(open(content, "rb").read()).digest()).decode()}
expect("a checksum", send(form("sum", sums)), 204, x_amz_checksum_sha256=sums["x-amz-checksum-sha256"])
refused("another checksum", form("sum2", dict(sums, **{"x-amz-checksum-sha256": base64.b64encode(b"0" * 32).decode()})), 400, "BadDigest")

large = os.path.join(folder, "large")
with open(large, "wb") as f:
    f.write(os.urandom(30 << 20))
expect("30 MiB", send(form("large"), file=large), 204)
assert root.head_object(Bucket=bucket, Key="large")["ContentLength"] == 30 << 20
host = re.sub(r"^http://[^/:]+", "", ENDPOINT)
virtual = "http://%s.localhost%s/" % (bucket, host)
port = host.strip(":")
expect("the bucket in the host", send(form("virtual", {"success_action_status": "201"}), url=virtual,
       options=["--resolve", "%s.localhost:%s:127.0.0.1" % (bucket, port)]), 201, "<Location>%svirtual</Location>" % virtual)

size = [["content-length-range", 10, 1000]]
refused("a file that is too large", form("size", {}, size), 400, "EntityTooLarge", "<ProposedSize>100000</ProposedSize>", "<MaxSizeAllowed>1000</MaxSizeAllowed>")
small = os.path.join(folder, "small")
with open(small, "w") as f:
    f.write("small")
refused("a file that is too small", form("size", {}, size), 400, "EntityTooSmall", "<ProposedSize>5</ProposedSize>", "<MinSizeAllowed>10</MinSizeAllowed>", file=small)
refused("30 MiB too much", form("size", {}, size), 400, "EntityTooLarge", file=large)
post = form("user/${filename}")
post["fields"]["key"] = "other/${filename}"
refused("a key that the policy does not allow", post, 403, "AccessDenied", "Invalid according to Policy: Policy Condition failed: [&#34;starts-with&#34;, &#34;$key&#34;, &#34;user/&#34;]")
refused("one more field", form("more"), 403, "AccessDenied", "Invalid according to Policy: Extra input fields: x-amz-meta-more", extra=["x-amz-meta-more=1"])
expect("one that is to be ignored", send(form("ignored"), extra=["x-ignore-more=1"]), 204)
refused("another value", form("acl", {"acl": "public-read"}, [{"acl": "private"}]), 403, "AccessDenied", "[&#34;eq&#34;, &#34;$acl&#34;, &#34;private&#34;]")
refused("an expired policy", form("late", ExpiresIn=-1), 403, "AccessDenied", "Invalid according to Policy: Policy expired.")
other = "post-" + uuid.uuid4().hex[:12]
root.create_bucket(Bucket=other)
refused("another bucket", form("k"), 403, "AccessDenied", "[&#34;eq&#34;, &#34;$bucket&#34;, &#34;%s&#34;]" % bucket, url="%s/%s" % (ENDPOINT, other))


def signed(document):
    """A form whose policy is a text of ours, signed by botocore."""
    real = json.dumps
    json.dumps = lambda value, *a, **k: document if isinstance(value, dict) and "conditions" in value else real(value, *a, **k)
    try:
        return form("k")
    finally:
        json.dumps = real


for what, document, text in [
    ("a policy that is no JSON", "policy", "Invalid Policy: Invalid JSON."),
    ("a policy without conditions", '{"expiration": "2999-01-01T00:00:00Z"}', "Invalid Policy: Policy missing conditions."),
    ("a policy without expiration", '{"conditions": []}', "Invalid Policy: Policy missing expiration."),
    ("a condition of two fields", '{"expiration": "2999-01-01T00:00:00Z", "conditions": [{"acl": "private", "key": "k"}]}', "Simple-Conditions must have exactly one property specified."),
]:
    refused(what, signed(document), 400, "InvalidPolicyDocument", text)

post = form("k")
post["fields"]["x-amz-signature"] = "0" * 64
refused("another signature", post, 403, "SignatureDoesNotMatch", "<StringToSign>%s</StringToSign>" % post["fields"]["policy"])
post = form("k")
post["fields"]["policy"] = post["fields"]["policy"][:-4]
refused("a policy that was cut", post, 403, "SignatureDoesNotMatch")
for name, shown in [("x-amz-signature", "X-Amz-Signature"), ("x-amz-algorithm", "X-Amz-Algorithm"), ("x-amz-credential", "X-Amz-Credential"), ("x-amz-date", "X-Amz-Date"), ("policy", "policy"), ("key", "key")]:
    post = form("k")
    del post["fields"][name]
    refused("a form without " + name, post, 400, "InvalidArgument", "Bucket POST must contain a field named &#39;%s&#39;.  If it is specified, please check the order of the fields." % shown)
refused("a form without a file", form("k"), 400, "IncorrectNumberOfFilesInPostRequest", file=None)
refused("20 KiB of fields", form("k"), 400, "MaxPostPreDataLengthExceededError", extra=["x-ignore-a=" + "a" * 20480])
post = boto3.client("s3", endpoint_url=ENDPOINT, config=Config(signature_version="s3")).generate_presigned_post(bucket, "k")
refused("Signature Version 2", post, 400, "InvalidRequest", "Please use AWS4-HMAC-SHA256.")
post = boto3.client("s3", endpoint_url=ENDPOINT, region_name="eu-west-3", config=Config(signature_version="s3v4")).generate_presigned_post(bucket, "k")
refused("another region", post, 400, "InvalidArgument", "the region &#39;eu-west-3&#39; is wrong; expecting &#39;us-east-1&#39;", "<Region>us-east-1</Region>")
post = client(aws_access_key_id="AKIAUNKNOWNUNKNOWN00", aws_secret_access_key="x").generate_presigned_post(bucket, "k")
refused("an access key that nobody has", post, 403, "InvalidAccessKeyId")
expect("no form", send({"fields": {}}, file=None, url="%s/%s" % (ENDPOINT, bucket), options=["-d", "key=k"]), 412, "Bucket POST must be of the enclosure-type multipart/form-data")

# Who may: a user with a folder, whose policy asks how the request was signed.
iam = boto3.client("iam", endpoint_url=ENDPOINT)
allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::%s/user/*" % bucket, "Condition": {"StringEquals": {"s3:authType": "POST", "s3:signatureversion": "AWS4-HMAC-SHA256"}, "NumericLessThan": {"s3:signatureAge": 600000}}}
iam.put_user_policy(UserName=os.environ["USER_NAME"], PolicyName="post", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
user = client(**USER)
expect("a user's own folder", send(form("user/${filename}", who=user)), 204)
refused("another folder", form("${filename}", who=user), 403, "AccessDenied", "is not authorized to perform: s3:PutObject on resource")
refused("tags without permission", form("user/k", {"tagging": fields["tagging"]}, who=user), 403, "AccessDenied", "is not authorized to perform: s3:PutObjectTagging on resource")
refused("an ACL without permission", form("user/k", {"acl": "private"}, who=user), 403, "AccessDenied", "is not authorized to perform: s3:PutObjectAcl on resource")
try:
    user.put_object(Bucket=bucket, Key="user/k", Body=b"")
    raise AssertionError("a PUT was allowed by a policy about POST")
except user.exceptions.ClientError as e:
    assert e.response["Error"]["Code"] == "AccessDenied", e
    print("ok nothing but forms")
token = boto3.client("sts", endpoint_url=ENDPOINT, **USER).get_session_token()["Credentials"]
session = client(aws_access_key_id=token["AccessKeyId"], aws_secret_access_key=token["SecretAccessKey"], aws_session_token=token["SessionToken"])
post = form("user/session", who=session)
assert "x-amz-security-token" in post["fields"]
expect("temporary credentials", send(post), 204)
del post["fields"]["x-amz-security-token"]
refused("temporary credentials without their token", post, 403, "InvalidAccessKeyId")

# Anonymous, where the bucket's policy allows it.
refused("an anonymous form", {"url": "%s/%s" % (ENDPOINT, bucket), "fields": {"key": "drop/x"}}, 403, "AccessDenied")
root.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": False})
root.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::%s/drop/*" % bucket}]}))
expect("a public drop box", send({"url": "%s/%s" % (ENDPOINT, bucket), "fields": {"key": "drop/${filename}"}}), 204)
refused("a key outside of it", {"url": "%s/%s" % (ENDPOINT, bucket), "fields": {"key": "x"}}, 403, "AccessDenied")
refused("a policy that nobody signed", {"url": "%s/%s" % (ENDPOINT, bucket), "fields": {"key": "drop/y", "policy": form("drop/y")["fields"]["policy"]}}, 403, "AccessDenied")

# Pages of other origins.
root.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["POST"], "AllowedOrigins": ["https://app.example.com"], "ExposeHeaders": ["ETag"]}]})
expect("a page of another origin", send(form("cors"), options=["-H", "Origin: https://app.example.com"]), 204, access_control_allow_origin="https://app.example.com", access_control_expose_headers="ETag")
