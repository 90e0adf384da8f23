"""boto3: objects under customers' keys and KMS keys, and the key service."""
import base64
import hashlib
import io
import json
import os
import uuid

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError


def ok(what):
    print("ok", what)


def fails(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e
        return e
    raise AssertionError("not refused with " + code)


def client(service):
    return boto3.client(service, endpoint_url=os.environ["ENDPOINT"])


s3, kms = client("s3"), client("kms")
bucket = "boto3-" + uuid.uuid4().hex[:12]
s3.create_bucket(Bucket=bucket)
customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
other = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}

fails("AccessDenied", s3.put_object, Bucket=bucket, Key="k", Body=b"x", **customer)
s3.put_bucket_encryption(
    Bucket=bucket,
    ServerSideEncryptionConfiguration={"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]}
    if "BlockedEncryptionTypes" in s3.meta.service_model.shape_for("ServerSideEncryptionRule").members else {"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
)
if "BlockedEncryptionTypes" not in s3.meta.service_model.shape_for("ServerSideEncryptionRule").members:
    # This boto3 is older than the setting: another client's request unblocks.
    from botocore.awsrequest import AWSRequest
    from botocore.auth import S3SigV4Auth
    from botocore.httpsession import URLLib3Session
    body = ("<ServerSideEncryptionConfiguration><Rule><BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType>"
            "</BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>")
    request = AWSRequest("PUT", os.environ["ENDPOINT"] + "/" + bucket + "?encryption", data=body)
    S3SigV4Auth(boto3.Session().get_credentials(), "s3", "us-east-1").add_auth(request)
    answer = URLLib3Session(verify=os.environ["AWS_CA_BUNDLE"]).send(request.prepare())
    assert answer.status_code == 200, answer.text
ok("a bucket that takes customers' keys")

data = os.urandom(12 << 20)
s3.upload_fileobj(io.BytesIO(data), bucket, "big", ExtraArgs=customer, Config=TransferConfig(multipart_chunksize=5 << 20))
back = io.BytesIO()
s3.download_fileobj(bucket, "big", back, ExtraArgs=customer, Config=TransferConfig(multipart_threshold=1 << 20))
assert back.getvalue() == data
head = s3.head_object(Bucket=bucket, Key="big", **customer)
assert head["SSECustomerAlgorithm"] == "AES256" and "ServerSideEncryption" not in head, head
ok("12 MiB in parts under a customer's key")

fails("403", s3.head_object, Bucket=bucket, Key="big", **other)
fails("400", s3.head_object, Bucket=bucket, Key="big")
fails("InvalidRequest", s3.get_object, Bucket=bucket, Key="big")
fails("AccessDenied", s3.get_object, Bucket=bucket, Key="big", **other)
ok("nothing without the key")

source = {"CopySource" + name: value for name, value in customer.items()}
s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "big"}, **source, **other)
assert s3.get_object(Bucket=bucket, Key="copy", **other)["Body"].read() == data
s3.copy_object(Bucket=bucket, Key="plain", CopySource={"Bucket": bucket, "Key": "big"}, **source)
assert s3.get_object(Bucket=bucket, Key="plain")["Body"].read() == data
ok("copies to another key, and to none")

key = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "red"}])["KeyMetadata"]
kms.create_alias(AliasName="alias/" + bucket, TargetKeyId=key["KeyId"])
assert kms.describe_key(KeyId="alias/" + bucket)["KeyMetadata"]["Arn"] == key["Arn"]
assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == [{"TagKey": "team", "TagValue": "red"}]
sealed = kms.encrypt(KeyId="alias/" + bucket, Plaintext=b"secret", EncryptionContext={"a": "b"})["CiphertextBlob"]
assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})["Plaintext"] == b"secret"
fails("InvalidCiphertextException", kms.decrypt, CiphertextBlob=sealed)
ok("a key, its alias and what it seals")

extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key["Arn"]}
s3.upload_fileobj(io.BytesIO(data), bucket, "kms", ExtraArgs=extra, Config=TransferConfig(multipart_chunksize=5 << 20))
got = s3.get_object(Bucket=bucket, Key="kms")
assert got["Body"].read() == data and got["SSEKMSKeyId"] == key["Arn"], got

def demand(condition):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": condition}]}))
    fails("AccessDenied", s3.create_multipart_upload, Bucket=bucket, Key="demanded")


for condition, extra in (
    ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, {"ServerSideEncryption": "AES256"}),
    ({"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key["Arn"]}}, extra),
):
    demand(condition)
    s3.upload_fileobj(io.BytesIO(data), bucket, "demanded", ExtraArgs=extra, Config=TransferConfig(multipart_chunksize=5 << 20))
demand({"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "true"}})
upload = {"Bucket": bucket, "Key": "demanded"}
upload["UploadId"] = s3.create_multipart_upload(**upload, **customer)["UploadId"]
part = s3.upload_part(**upload, **customer, PartNumber=1, Body=b"x")
upload["MultipartUpload"] = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
fails("AccessDenied", s3.complete_multipart_upload, **upload)  # which AWS says needs the key then
s3.complete_multipart_upload(  # which does not encode the key itself
    **upload, SSECustomerAlgorithm="AES256", SSECustomerKey=base64.b64encode(customer["SSECustomerKey"]).decode(),
    SSECustomerKeyMD5=base64.b64encode(hashlib.md5(customer["SSECustomerKey"]).digest()).decode())
s3.delete_bucket_policy(Bucket=bucket)
ok("uploads in parts, where a policy demands encryption")

kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
fails("KMS.KMSInvalidStateException", s3.get_object, Bucket=bucket, Key="kms")
fails("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed, EncryptionContext={"a": "b"})
ok("objects under the key, until it is to be deleted")

names = [a["AliasName"] for page in kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 1}) for a in page["Aliases"]]
assert "alias/" + bucket in names, names
ok("pages of aliases")
