// The AWS SDK for JavaScript v3 as a workload: a token in a file, no access key,
// and S3 as the role that trusts it.
import assert from 'node:assert/strict';
import { S3Client, PutObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import { STSClient, GetCallerIdentityCommand, AssumeRoleWithWebIdentityCommand } from '@aws-sdk/client-sts';

const ok = (what) => console.log('ok', what);
const options = { region: process.env.AWS_DEFAULT_REGION, endpoint: process.env.ENDPOINT };
const Bucket = process.env.BUCKET;

const sts = new STSClient(options);
assert.match((await sts.send(new GetCallerIdentityCommand({}))).Arn, /:assumed-role\/workload\/build-7$/);
ok('the role, by a token in a file');

const s3 = new S3Client({ ...options, forcePathStyle: true });
await s3.send(new PutObjectCommand({ Bucket, Key: 'home/org-alice/javascript', Body: 'mine' }));
const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'home/org-alice/javascript' }));
assert.equal(await got.Body.transformToString(), 'mine');
ok("a folder that is named by the token's subject");
await assert.rejects(s3.send(new PutObjectCommand({ Bucket, Key: 'home/org-bob/javascript', Body: '' })), { name: 'AccessDenied' });
ok('no other one');

const nonsense = new AssumeRoleWithWebIdentityCommand({ RoleArn: process.env.AWS_ROLE_ARN, RoleSessionName: 's1', WebIdentityToken: 'nonsense' });
await assert.rejects(sts.send(nonsense), { name: 'InvalidIdentityTokenException', message: /not a valid JWT/ });
ok('an exception of its own for a token that is none');
