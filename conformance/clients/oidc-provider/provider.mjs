// A certified OpenID Connect provider, with a client that gets tokens for
// sts.amazonaws.com by its own credentials. Run with CERTIFICATE, KEY and CLIENT;
// it prints its URL, and ends when its input does.
import { createServer } from 'node:https';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const key = (kid, alg, type, options) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });
const server = createServer({ cert: readFileSync(process.env.CERTIFICATE), key: readFileSync(process.env.KEY) });
server.listen(0, '127.0.0.1', () => {
  const url = `https://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    jwks: { keys: [key('rsa', 'RS256', 'rsa', { modulusLength: 2048 }), key('ec', 'ES256', 'ec', { namedCurve: 'P-256' })] },
    clients: [{
      client_id: process.env.CLIENT, client_secret: 'for-tests-only', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    }],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:sts',
        getResourceServerInfo: (_, resource) => ({
          scope: '', audience: 'sts.amazonaws.com', accessTokenFormat: 'jwt', accessTokenTTL: 600,
          jwt: { sign: { alg: resource === 'urn:sts:ec' ? 'ES256' : 'RS256' } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  console.log(url);
});
process.stdin.on('end', () => process.exit(0)).resume();
