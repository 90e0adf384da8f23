"""What the AWS provider of Terraform asks to make, read, change and destroy a
bucket, users, groups, roles and policies: each answer is one that it goes on
from. The provider itself needs a network that tests do not have."""
import json
import os
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

print("client the calls of terraform-provider-aws, by boto3", boto3.__version__)
asked = 0


def ok(what):
    print("ok", what)


def client(service):
    return boto3.client(service, endpoint_url=os.environ["ENDPOINT"], config=Config(signature_version="s3v4" if service == "s3" else "v4", retries={"max_attempts": 1}))


def ask(call, *codes, **parameters):
    """Calls an operation, which may fail with one of the codes alone."""
    global asked
    asked += 1
    try:
        return call(**parameters)
    except ClientError as e:
        assert e.response["Error"]["Code"] in codes, e
        return None


s3, iam, sts = client("s3"), client("iam"), client("sts")
suffix = uuid.uuid4().hex[:10]
bucket, unsupported = "terraform-" + suffix, "NotImplemented"
account = ask(sts.get_caller_identity)["Account"]
arn = "arn:aws:s3:::" + bucket


def refresh(configured):
    """Reads a bucket as aws_s3_bucket does, whatever is set of it."""
    ask(s3.head_bucket, Bucket=bucket)
    for call, *absent in [
        (s3.get_bucket_policy, "NoSuchBucketPolicy"), (s3.get_bucket_acl,), (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (s3.get_bucket_website, "NoSuchWebsiteConfiguration"), (s3.get_bucket_versioning,), (s3.get_bucket_accelerate_configuration,),
        (s3.get_bucket_request_payment,), (s3.get_bucket_logging,), (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
        (s3.get_bucket_replication, unsupported), (s3.get_bucket_encryption,), (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
        (s3.get_bucket_tagging, "NoSuchTagSet"), (s3.get_bucket_location,), (s3.get_public_access_block,), (s3.get_bucket_ownership_controls,),
        (s3.get_bucket_notification_configuration, unsupported), (s3.get_bucket_policy_status, "NoSuchBucketPolicy"),
    ]:
        answer = ask(call, *absent, Bucket=bucket)
        if configured and absent and absent != [unsupported] and absent != ["ObjectLockConfigurationNotFoundError"]:
            assert answer, (call, "is gone")


ask(s3.head_bucket, "404", Bucket=bucket)
ask(s3.create_bucket, Bucket=bucket)
refresh(False)
ok("a bucket that is just made is read")
tags = {"TagSet": [{"Key": "team", "Value": "data"}]}
rules = [
    {"ID": "old", "Filter": {"And": {"Prefix": "tmp/", "Tags": tags["TagSet"]}}, "Status": "Enabled", "Expiration": {"Days": 7}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    {"ID": "parts", "Filter": {"Prefix": ""}, "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}},
]
policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "TLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, arn + "/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}, "Null": {"aws:PrincipalTag/none": "false"}}}]})
ask(s3.put_bucket_tagging, Bucket=bucket, Tagging=tags)
ask(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
ask(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": rules})
ask(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"], "MaxAgeSeconds": 300}]})
ask(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
ask(s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]})
ask(s3.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
ask(s3.put_public_access_block, Bucket=bucket, PublicAccessBlockConfiguration={n: True for n in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")})
ask(s3.put_bucket_policy, Bucket=bucket, Policy=policy)
ask(s3.put_object, Bucket=bucket, Key="folder/hello.txt", Body=b"hello", Tagging="kind=greeting")
ask(s3.head_object, Bucket=bucket, Key="folder/hello.txt")
ask(s3.get_object_tagging, Bucket=bucket, Key="folder/hello.txt")
refresh(True)
ok("and read again once it is configured")
assert ask(s3.get_bucket_lifecycle_configuration, Bucket=bucket)["Rules"] == rules
assert json.loads(ask(s3.get_bucket_policy, Bucket=bucket)["Policy"]) == json.loads(policy)
assert ask(s3.get_bucket_tagging, Bucket=bucket)["TagSet"] == tags["TagSet"]
ok("what is planned again has not changed")

trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [arn + "/*"]}]})
user, group, role, profile = "david-" + suffix, "employees-" + suffix, "role-" + suffix, "profile-" + suffix
owner = [{"Key": "team", "Value": "data"}]
managed = ask(iam.create_policy, PolicyName="read-" + suffix, Path="/team/", Description="reads", PolicyDocument=document, Tags=owner)["Policy"]["Arn"]
ask(iam.create_user, UserName=user, Path="/staff/", Tags=owner, PermissionsBoundary=managed)
ask(iam.get_user, UserName=user)
key = ask(iam.create_access_key, UserName=user)["AccessKey"]["AccessKeyId"]
assert [k["AccessKeyId"] for k in ask(iam.list_access_keys, UserName=user)["AccessKeyMetadata"]] == [key]
ask(iam.put_user_policy, UserName=user, PolicyName="own", PolicyDocument=document)
assert ask(iam.get_user_policy, UserName=user, PolicyName="own")["PolicyDocument"] == json.loads(document)
ask(iam.attach_user_policy, UserName=user, PolicyArn=managed)
ask(iam.list_attached_user_policies, UserName=user)
ask(iam.create_group, GroupName=group, Path="/staff/")
ask(iam.add_user_to_group, GroupName=group, UserName=user)
assert [u["UserName"] for u in ask(iam.get_group, GroupName=group)["Users"]] == [user]
ask(iam.put_group_policy, GroupName=group, PolicyName="list", PolicyDocument=document)
ask(iam.get_group_policy, GroupName=group, PolicyName="list")
ask(iam.attach_group_policy, GroupName=group, PolicyArn=managed)
ask(iam.list_attached_group_policies, GroupName=group)
ok("users, keys, groups and policies are made and read")
ask(iam.create_role, RoleName=role, AssumeRolePolicyDocument=trust, Description="a role", MaxSessionDuration=7200, PermissionsBoundary=managed, Tags=owner)
assert ask(iam.get_role, RoleName=role)["Role"]["AssumeRolePolicyDocument"] == json.loads(trust)
ask(iam.list_role_policies, RoleName=role)
ask(iam.list_attached_role_policies, RoleName=role)
ask(iam.put_role_policy, RoleName=role, PolicyName="inline", PolicyDocument=document)
ask(iam.attach_role_policy, RoleName=role, PolicyArn=managed)
ask(iam.create_instance_profile, InstanceProfileName=profile)
ask(iam.add_role_to_instance_profile, InstanceProfileName=profile, RoleName=role)
ask(iam.get_instance_profile, InstanceProfileName=profile)
ask(iam.update_role, RoleName=role, MaxSessionDuration=3600, Description="changed")
ask(iam.update_assume_role_policy, RoleName=role, PolicyDocument=trust)
ask(iam.tag_role, RoleName=role, Tags=[{"Key": "team", "Value": "other"}])
ask(iam.untag_role, RoleName=role, TagKeys=["team"])
ask(iam.create_policy_version, PolicyArn=managed, PolicyDocument=document, SetAsDefault=True)
versions = ask(iam.list_policy_versions, PolicyArn=managed)["Versions"]
ask(iam.get_policy, PolicyArn=managed)
ask(iam.get_policy_version, PolicyArn=managed, VersionId=versions[0]["VersionId"])
ok("roles, profiles and versions of policies are made, read and changed")

# Destroyed by force, as force_destroy and force_detach_policies have it.
ask(iam.remove_role_from_instance_profile, InstanceProfileName=profile, RoleName=role)
ask(iam.list_instance_profiles_for_role, RoleName=role)
ask(iam.delete_instance_profile, InstanceProfileName=profile)
ask(iam.delete_role_policy, RoleName=role, PolicyName="inline")
ask(iam.detach_role_policy, RoleName=role, PolicyArn=managed)
ask(iam.delete_role_permissions_boundary, RoleName=role)
ask(iam.delete_role, RoleName=role)
assert ask(iam.list_groups_for_user, UserName=user)["Groups"]
ask(iam.remove_user_from_group, GroupName=group, UserName=user)
ask(iam.detach_group_policy, GroupName=group, PolicyArn=managed)
ask(iam.delete_group_policy, GroupName=group, PolicyName="list")
ask(iam.delete_group, GroupName=group)
ask(iam.delete_login_profile, "NoSuchEntity", UserName=user)
for call, names in [(iam.list_ssh_public_keys, "SSHPublicKeys"), (iam.list_mfa_devices, "MFADevices"), (iam.list_signing_certificates, "Certificates"), (iam.list_service_specific_credentials, "ServiceSpecificCredentials")]:
    assert ask(call, UserName=user)[names] == [], names
ask(iam.list_virtual_mfa_devices, AssignmentStatus="Assigned")
ask(iam.delete_user_policy, UserName=user, PolicyName="own")
ask(iam.detach_user_policy, UserName=user, PolicyArn=managed)
ask(iam.delete_access_key, UserName=user, AccessKeyId=key)
ask(iam.delete_user_permissions_boundary, UserName=user)
ask(iam.delete_user, UserName=user)
ask(iam.get_user, "NoSuchEntity", UserName=user)
for version in versions:
    if not version["IsDefaultVersion"]:
        ask(iam.delete_policy_version, PolicyArn=managed, VersionId=version["VersionId"])
ask(iam.delete_policy, PolicyArn=managed)
ask(iam.get_policy, "NoSuchEntity", PolicyArn=managed)
ok("all identities are destroyed by force")
ask(s3.delete_bucket_policy, Bucket=bucket)
ask(s3.delete_public_access_block, Bucket=bucket)
ask(s3.delete_bucket_ownership_controls, Bucket=bucket)
ask(s3.delete_bucket, "BucketNotEmpty", Bucket=bucket)
listed = ask(s3.list_object_versions, Bucket=bucket)
ask(s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in listed["Versions"]]})
ask(s3.delete_bucket, Bucket=bucket)
ask(s3.head_bucket, "404", Bucket=bucket)
ok("and a bucket with what is in it")
assert asked > 120, asked
ok("in %d calls" % asked)
