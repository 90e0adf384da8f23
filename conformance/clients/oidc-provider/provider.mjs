// A certified OpenID Connect provider. Its client, CLIENT, gets access tokens for
// sts.amazonaws.com by its own credentials, and ID tokens of a person, ALICE, who
// is logged in without being asked. Run with CERTIFICATE, KEY, CLIENT and ALICE;
// it prints its URL, and ends when its input does.
import { createServer } from 'node:https';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const { CERTIFICATE, KEY, CLIENT, ALICE } = process.env;
const key = (kid, alg, type, options) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });
const server = createServer({ cert: readFileSync(CERTIFICATE), key: readFileSync(KEY) });
server.listen(0, '127.0.0.1', () => {
  const url = `https://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    jwks: { keys: [key('rsa', 'RS256', 'rsa', { modulusLength: 2048 }), key('ec', 'ES256', 'ec', { namedCurve: 'P-256' })] },
    clients: [{
      client_id: CLIENT, client_secret: 'for-tests-only', grant_types: ['client_credentials', 'authorization_code'],
      redirect_uris: [`${url}/callback`], response_types: ['code'],
    }],
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant({ oidc }) {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
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
  const answer = provider.callback();
  server.on('request', (request, response) => (request.url.startsWith('/interaction/')
    ? provider.interactionFinished(request, response, { login: { accountId: ALICE } })
    : answer(request, response)));
  console.log(url);
});
process.stdin.on('end', () => process.exit(0)).resume();
