"""boto3: passwords, second factors, service-linked roles and encoded authorization messages, with every refusal."""
import base64
import hashlib
import hmac
import json
import os
import struct
import time
import uuid

import boto3
from botocore.exceptions import ClientError


def ok(what):
    print("ok", what)


def client(service, **more):
    return boto3.client(service, endpoint_url=os.environ["ENDPOINT"], **more)


def keys(key, **more):
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"], **more}


def refused(code, status, call, **parameters):
    """Returns the message and the headers of a refusal."""
    try:
        call(**parameters)
    except ClientError as e:
        got = (e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"])
        assert got == (code, status), (got, e)
        return e.response["Error"]["Message"], e.response["ResponseMetadata"]["HTTPHeaders"]
    raise AssertionError("%s of %s was served" % (call.__name__, parameters))


def code(seed, periods):
    """The one-time code of a seed, some periods from now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30 + periods)
    digest = hmac.new(base64.b32decode(seed), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1000000)


print("client boto3", boto3.__version__)
iam, sts = client("iam"), client("sts")
name = "boto3-" + uuid.uuid4().hex[:8]
iam.create_user(UserName=name)
key = iam.create_access_key(UserName=name)["AccessKey"]
own = client("iam", **keys(key))

refused("NoSuchEntity", 404, iam.get_login_profile, UserName=name)
refused("NoSuchEntity", 404, iam.update_login_profile, UserName=name, Password="Correct-Horse-1")
message, _ = refused("PasswordPolicyViolation", 400, iam.create_login_profile, UserName=name, Password="abc")
assert message.startswith("Password does not conform to the account password policy") and "abc" not in message, message
refused("NoSuchEntity", 404, iam.get_login_profile, UserName=name)
made = iam.create_login_profile(UserName=name, Password="Correct-Horse-1", PasswordResetRequired=True)["LoginProfile"]
assert made["UserName"] == name and made["PasswordResetRequired"] and "Password" not in made, made
refused("EntityAlreadyExists", 409, iam.create_login_profile, UserName=name, Password="Correct-Horse-2")
ok("a password, once it is one that the account allows")

message, headers = refused("AccessDenied", 403, own.change_password, OldPassword="Correct-Horse-1", NewPassword="Correct-Horse-2")
assert "iam:ChangePassword" in message, message
told = json.loads(sts.decode_authorization_message(EncodedMessage=headers["x-keywright-encoded-authorization-message"])["DecodedMessage"])
assert told["context"]["action"] == "iam:ChangePassword" and told["context"]["principal"]["name"] == name and not told["explicitDeny"], told
refused("InvalidAuthorizationMessageException", 400, sts.decode_authorization_message, EncodedMessage="none")
ok("an encoded authorization message, decoded by root")

iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/IAMUserChangePassword")
refused("AccessDenied", 403, own.change_password, OldPassword="Wrong-Horse-1", NewPassword="Correct-Horse-2")
own.change_password(OldPassword="Correct-Horse-1", NewPassword="Correct-Horse-2")
assert not iam.get_login_profile(UserName=name)["LoginProfile"]["PasswordResetRequired"]
refused("InvalidUserType", 400, iam.change_password, OldPassword="Correct-Horse-2", NewPassword="Correct-Horse-3")
ok("a user changes his password")

device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
assert device["QRCodePNG"].startswith(b"\x89PNG"), device["QRCodePNG"][:8]
serial, seed = device["SerialNumber"], device["Base32StringSeed"].decode()
refused("InvalidAuthenticationCode", 403, iam.enable_mfa_device, UserName=name, SerialNumber=serial, AuthenticationCode1="000000", AuthenticationCode2="000000")
assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []
iam.enable_mfa_device(UserName=name, SerialNumber=serial, AuthenticationCode1=code(seed, -1), AuthenticationCode2=code(seed, 0))
listed = [d for p in iam.get_paginator("list_virtual_mfa_devices").paginate(AssignmentStatus="Assigned") for d in p["VirtualMFADevices"]]
assert [d["User"]["UserName"] for d in listed if d["SerialNumber"] == serial] == [name], listed
ok("a virtual MFA device")

iam.put_user_policy(UserName=name, PolicyName="mfa", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "iam:GetUser", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}}))
refused("AccessDenied", 403, own.get_user)
tokens = client("sts", **keys(key))
refused("AccessDenied", 403, tokens.get_session_token, SerialNumber=serial, TokenCode="000000")
proof = code(seed, 1)
proved = tokens.get_session_token(SerialNumber=serial, TokenCode=proof)["Credentials"]
assert client("iam", **keys(proved, aws_session_token=proved["SessionToken"])).get_user()["User"]["UserName"] == name
refused("AccessDenied", 403, tokens.get_session_token, SerialNumber=serial, TokenCode=proof)
ok("a second factor, which counts once")

refused("DeleteConflict", 409, iam.delete_virtual_mfa_device, SerialNumber=serial)
iam.deactivate_mfa_device(UserName=name, SerialNumber=serial)
iam.delete_virtual_mfa_device(SerialNumber=serial)
iam.delete_user_policy(UserName=name, PolicyName="mfa")
iam.detach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/IAMUserChangePassword")
iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
refused("DeleteConflict", 409, iam.delete_user, UserName=name)
iam.delete_login_profile(UserName=name)
iam.delete_user(UserName=name)
ok("a user goes when nothing is his")

service = "autoscaling.amazonaws.com"
role = iam.create_service_linked_role(AWSServiceName=service, CustomSuffix=name)["Role"]
assert role["Path"] == "/aws-service-role/%s/" % service and role["RoleName"] == "AWSServiceRoleForAutoScaling_" + name, role
refused("InvalidInput", 400, iam.create_service_linked_role, AWSServiceName=service, CustomSuffix=name)
refused("UnmodifiableEntity", 400, iam.delete_role, RoleName=role["RoleName"])
refused("UnmodifiableEntity", 400, iam.attach_role_policy, RoleName=role["RoleName"], PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
refused("NoSuchEntity", 404, iam.get_role, RoleName=role["RoleName"])
ok("a service-linked role, which nobody else changes")

session = sts.get_session_token(DurationSeconds=900)["Credentials"]
temporary = client("sts", **keys(session, aws_session_token=session["SessionToken"]))
account = sts.get_caller_identity()["Account"]
assert temporary.get_caller_identity()["Arn"] == "arn:aws:iam::%s:root" % account
refused("AccessDenied", 403, temporary.get_access_key_info, AccessKeyId=session["AccessKeyId"])
assert sts.get_access_key_info(AccessKeyId=os.environ["AWS_ACCESS_KEY_ID"])["Account"] == account
refused("NoSuchEntity", 404, sts.get_access_key_info, AccessKeyId="AKIA" + "A" * 16)
ok("root's session, and whose a key is")
