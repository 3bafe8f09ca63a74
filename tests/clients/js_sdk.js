// An integration with @procore/js-sdk: prints the link, reads where it led, prints the end.
const readline = require('node:readline');
const sdk = require('@procore/js-sdk');

const { PROCORE_LOGIN_URL: base, PROCORE_CLIENT_ID: id, PROCORE_CLIENT_SECRET: secret } = process.env;
const uri = 'http://localhost:4567/callback';
const company = 22222;

async function listProjects(client) {
  const names = [];
  for (let page = 1, total = 1; names.length < total; page += 1) {
    const { body, response } = await client.get({ base: '/projects', qs: { company_id: company, per_page: 2, page } });
    names.push(...body.map((project) => project.name));
    total = Number(response.headers.get('Total'));
  }
  return names;
}

async function main(address) {
  const code = new URL(address).searchParams.get('code');
  const first = await sdk.token({ id, secret, code, uri }, base);
  const tokens = await sdk.refresh({ id, secret, uri, refresh: first.refresh_token }, base);
  const authorizer = sdk.oauth(tokens.access_token);
  const client = sdk.client(authorizer, undefined, { apiHostname: base, defaultCompanyId: company });
  const me = await client.get({ base: '/me' });
  await client.post({ base: '/projects' }, { company_id: company, project: { name: 'Made by a client' } });
  const names = await listProjects(client);
  const spent = await sdk.refresh({ id, secret, uri, refresh: first.refresh_token }, base);
  await sdk.revoke({ token: tokens.access_token, clientId: id, clientSecret: secret }, base);
  const ended = await sdk.info(tokens.access_token, base);
  console.log(JSON.stringify({ login: me.body.login, names, errors: [spent.error, ended.error] }));
}

console.log(sdk.authorize({ clientId: id, uri }, base));
readline.createInterface({ input: process.stdin }).once('line', (address) => {
  main(address).catch((error) => {
    console.error(error);
    process.exit(1);
  });
});
