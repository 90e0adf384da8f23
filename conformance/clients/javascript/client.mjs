// The AWS SDK for JavaScript v3: puts, transfers in parts, presigned URLs,
// listings, errors, a role with an external id.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { IAMClient, CreateRoleCommand, PutRolePolicyCommand, DeleteRolePolicyCommand, DeleteRoleCommand, CreateUserCommand, CreateAccessKeyCommand, DeleteAccessKeyCommand, DeleteUserCommand } from '@aws-sdk/client-iam';
import * as s3sdk from '@aws-sdk/client-s3';
import { STSClient, GetCallerIdentityCommand, AssumeRoleCommand } from '@aws-sdk/client-sts';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, DeleteObjectsCommand, DeleteBucketCommand, paginateListObjectsV2, waitUntilBucketExists } = s3sdk;
const ok = (what) => console.log('ok', what);
const options = { region: 'us-east-1', endpoint: process.env.ENDPOINT };
const s3 = new S3Client({ ...options, forcePathStyle: true });
const Bucket = 'javascript-' + randomBytes(6).toString('hex');

await s3.send(new CreateBucketCommand({ Bucket }));
await waitUntilBucketExists({ client: s3, maxWaitTime: 10 }, { Bucket });
ok('a bucket, and a waiter for it');

const Key = 'home/ünï code & #%/a';
await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'hello', Metadata: { color: 'red' }, ChecksumAlgorithm: 'SHA256' }));
const got = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
assert.equal(await got.Body.transformToString(), 'hello');
assert.equal(got.Metadata.color, 'red');
ok('an object with metadata and a checksum');

const data = randomBytes(12 << 20);
await new Upload({ client: s3, params: { Bucket, Key: 'big', Body: data }, partSize: 5 << 20 }).done();
const big = await s3.send(new GetObjectCommand({ Bucket, Key: 'big' }));
assert.ok(data.equals(Buffer.from(await big.Body.transformToByteArray())));
ok('12 MiB up in parts');

const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
assert.equal(await (await fetch(url)).text(), 'hello');
// By default the SDK signs the checksum of an empty body into the URL.
const plain = new S3Client({ ...options, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' });
const put = await getSignedUrl(plain, new PutObjectCommand({ Bucket, Key: 'by-url' }), { expiresIn: 60 });
assert.equal((await fetch(put, { method: 'PUT', body: 'by URL' })).status, 200);
ok('presigned URLs');

const keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket })) keys.push(...page.Contents.map((o) => o.Key));
assert.deepEqual(keys, ['big', 'by-url', Key]);
ok('a listing, page by page');

await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: 'none' })), { name: 'NoSuchKey' });
ok('errors by name');

const iam = new IAMClient(options), sts = new STSClient(options);
const Account = (await sts.send(new GetCallerIdentityCommand({}))).Account;
const UserName = 'vendor-' + randomBytes(4).toString('hex'), RoleName = 'role-' + randomBytes(4).toString('hex');
const user = await iam.send(new CreateUserCommand({ UserName }));
const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
const role = await iam.send(new CreateRoleCommand({
  RoleName,
  AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: user.User.Arn }, Action: 'sts:AssumeRole', Condition: { StringEquals: { 'sts:ExternalId': 'secret-42' } } }] }),
}));
await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'put', PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 's3:PutObject', Resource: `arn:aws:s3:::${Bucket}/in/*` } }) }));
const vendor = new STSClient({ ...options, credentials: { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey } });
const assume = (more) => vendor.send(new AssumeRoleCommand({ RoleArn: role.Role.Arn, RoleSessionName: 'session', ...more }));
await assert.rejects(assume({}), { name: 'AccessDenied' });
await assert.rejects(assume({ ExternalId: 'secret-43' }), { name: 'AccessDenied' });
const { Credentials: c } = await assume({ ExternalId: 'secret-42' });
const session = new S3Client({ ...options, forcePathStyle: true, credentials: { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretAccessKey, sessionToken: c.SessionToken } });
await session.send(new PutObjectCommand({ Bucket, Key: 'in/x', Body: 'x', ExpectedBucketOwner: Account }));
await assert.rejects(session.send(new PutObjectCommand({ Bucket, Key: 'out/x', Body: 'x' })), { name: 'AccessDenied' });
await assert.rejects(session.send(new GetObjectCommand({ Bucket, Key: 'in/x' })), { name: 'AccessDenied' });
ok('a role with an external id, and no more than it allows');

await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'put' }));
await iam.send(new DeleteRoleCommand({ RoleName }));
await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: AccessKey.AccessKeyId }));
await iam.send(new DeleteUserCommand({ UserName }));
await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [...keys, 'in/x'].map((Key) => ({ Key })) } }));
await s3.send(new DeleteBucketCommand({ Bucket }));
ok('all of it gone');
