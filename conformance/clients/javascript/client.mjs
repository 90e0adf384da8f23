// The AWS SDK for JavaScript v3: puts, transfers in parts and of streams,
// presigned URLs and forms, listings, errors, a role with an external id, and
// credentials of it that the SDK fetches itself.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { IAMClient, CreateRoleCommand, PutRolePolicyCommand, DeleteRolePolicyCommand, DeleteRoleCommand, CreateUserCommand, CreateAccessKeyCommand, DeleteAccessKeyCommand, DeleteUserCommand } from '@aws-sdk/client-iam';
import * as s3sdk from '@aws-sdk/client-s3';
import { STSClient, GetCallerIdentityCommand, AssumeRoleCommand } from '@aws-sdk/client-sts';
import { fromEnv, fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { Upload } from '@aws-sdk/lib-storage';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, DeleteObjectsCommand, DeleteBucketCommand, ListMultipartUploadsCommand, AbortMultipartUploadCommand, paginateListObjectsV2, waitUntilBucketExists } = s3sdk;
const ok = (what) => console.log('ok', what);
console.log('client AWS SDK for JavaScript', createRequire(import.meta.url)('@aws-sdk/client-s3/package.json').version);
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

// A stream whose length nobody knows, in parts that go at once, with a checksum.
const parts = [];
const upload = new Upload({
  client: s3, partSize: 5 << 20, queueSize: 3,
  params: { Bucket, Key: 'stream', Body: Readable.from([data, data]), ChecksumAlgorithm: 'SHA256' },
});
upload.on('httpUploadProgress', (p) => parts.push(p.part));
await upload.done();
const streamed = await s3.send(new GetObjectCommand({ Bucket, Key: 'stream', ChecksumMode: 'ENABLED' }));
assert.ok(Buffer.concat([data, data]).equals(Buffer.from(await streamed.Body.transformToByteArray())));
assert.equal(new Set(parts).size, 5);
ok('a stream of unknown length up in parts');
const aborted = new Upload({ client: s3, partSize: 5 << 20, params: { Bucket, Key: 'aborted', Body: data } });
aborted.on('httpUploadProgress', () => aborted.abort());
await assert.rejects(aborted.done(), { name: 'AbortError' });
for (;;) { // the SDK does not wait for what it has aborted
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
  if (Uploads.length === 0) break;
  for (const { Key, UploadId } of Uploads) await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
}
await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: 'aborted' })), { name: 'NoSuchKey' });
ok('an upload given up');

const form = await createPresignedPost(s3, {
  Bucket, Key: 'forms/${filename}', Expires: 60, Fields: { 'x-amz-meta-by': 'form' },
  Conditions: [['content-length-range', 1, 100], ['starts-with', '$key', 'forms/']],
});
const post = (content, name) => {
  const body = new FormData();
  for (const [field, value] of Object.entries(form.fields)) body.append(field, value);
  body.append('file', new Blob([content]), name);
  return fetch(form.url, { method: 'POST', body });
};
assert.equal((await post('by form', 'a.txt')).status, 204);
assert.equal((await post('x'.repeat(101), 'b.txt')).status, 400);
const posted = await s3.send(new GetObjectCommand({ Bucket, Key: 'forms/a.txt' }));
assert.equal(await posted.Body.transformToString(), 'by form');
assert.equal(posted.Metadata.by, 'form');
ok('a presigned form, and what it refuses');

const keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket })) keys.push(...page.Contents.map((o) => o.Key));
assert.deepEqual(keys, ['big', 'by-url', 'forms/a.txt', Key, 'stream']);
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

// The SDK takes on the role itself, and again when the credentials are about to end.
const temporary = new S3Client({
  ...options, forcePathStyle: true,
  credentials: fromTemporaryCredentials({
    masterCredentials: { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey },
    params: { RoleArn: role.Role.Arn, RoleSessionName: 'temporary', ExternalId: 'secret-42' }, clientConfig: options,
  }),
});
await temporary.send(new PutObjectCommand({ Bucket, Key: 'in/y', Body: 'y' }));
await assert.rejects(temporary.send(new PutObjectCommand({ Bucket, Key: 'out/y', Body: 'y' })), { name: 'AccessDenied' });
const environment = new STSClient({ ...options, credentials: fromEnv() });
assert.equal((await environment.send(new GetCallerIdentityCommand({}))).Account, Account);
ok('credentials that the SDK fetches itself');

await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'put' }));
await iam.send(new DeleteRoleCommand({ RoleName }));
await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: AccessKey.AccessKeyId }));
await iam.send(new DeleteUserCommand({ UserName }));
await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [...keys, 'in/x', 'in/y'].map((Key) => ({ Key })) } }));
await s3.send(new DeleteBucketCommand({ Bucket }));
ok('all of it gone');
