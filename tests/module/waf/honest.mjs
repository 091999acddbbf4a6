// Callbacks as providers' authorization servers send browsers back with: the shapes of their codes and the parameters they
// add, as their documentation shows them, with random contents. 

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const HEX = `${DIGITS}abcdef`;
const WORD = LOWER + LOWER.toUpperCase() + DIGITS;
const BASE64URL = `${WORD}-_`;
const BASE64 = `${WORD}+/`;
const UNRESERVED = `${WORD}-._~`;

const uuid = (r) => [8, 4, 4, 4, 12].map((n) => r.text(HEX, n)).join('-');
const base64 = (r, bytes) => r.text(BASE64, Math.floor(bytes / 3) * 4) + r.pick(['', `${r.text(BASE64, 3)}=`, `${r.text(BASE64, 2)}==`]);
const json64 = (r, value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const host = (r) => `${r.pick(['login', 'sso', 'id', 'accounts', 'auth'])}.${r.text(LOWER, r.between(3, 10))}.${r.pick(['com', 'example', 'io', 'co.uk', 'internal'])}`;
const jwt = (r, claims) => `${json64(r, { alg: r.pick(['RS256', 'ES256', 'PS256']), kid: r.text(BASE64URL, 12) })}.${
  json64(r, { iss: `https://${host(r)}`, aud: uuid(r), exp: 1.8e9 + r.below(1e6), jti: r.text(BASE64URL, 22), ...claims })}.${r.text(BASE64URL, r.pick([86, 342]))}`;

const GOOGLE_SCOPES = ['email', 'profile', 'openid', ...['drive', 'drive.file', 'calendar.events', 'gmail.readonly', 'userinfo.email', 'userinfo.profile', 'spreadsheets', 'cloud-platform',
  'youtube.force-ssl', 'admin.directory.user.readonly'].map((name) => `https://www.googleapis.com/auth/${name}`), 'https://mail.google.com/'];
const SCOPES = ['openid', 'profile', 'offline_access', 'read', 'write', 'repo', 'user:email', 'read:org', 'chat:write', 'channels:history', 'api:read', 'files.metadata.read',
  'crm.objects.contacts.read', 'User.Read', 'Mail.ReadWrite', 'https://graph.microsoft.com/Files.Read.All', 'https://outlook.office.com/IMAP.AccessAsUser.All',
  'urn:opc:idm:__myscopes__', 'w_member_social', 'accounting.transactions', 'com.intuit.quickbooks.accounting', 'data:read', 'user-read-private', 'sql', 'select:all', 'bot'];
const some = (r, list, most = 6) => Array.from({ length: r.between(1, most) }, () => r.pick(list));

/** What each kind of provider puts beside `state`. Values are not encoded yet. */
const SUCCESSES = [
  (r) => ({ code: `4/0A${r.text(BASE64URL, r.between(60, 90))}`, scope: some(r, GOOGLE_SCOPES).join(' '), authuser: r.pick(['0', '1']), ...(r.chance(2) ? { hd: `${r.text(LOWER, 8)}.com` } : {}), prompt: r.pick(['consent', 'none', 'select_account']) }),
  (r) => ({ code: `${r.pick(['0.A', '1.A'])}${r.text(BASE64URL, 40)}.${r.text(BASE64URL, r.between(600, 1400))}`, session_state: uuid(r) }),
  (r) => ({ code: `M.C${r.text(DIGITS, 3)}_${r.pick(['BAY', 'BL2', 'SN1'])}.2.U.${uuid(r)}`, client_info: json64(r, { ver: '1.0', sub: r.text(BASE64URL, 43), name: 'Ana O\'Neil', oid: uuid(r) }) }),
  (r) => ({ code: `M.R3_BAY.${r.text(`${WORD}!*$`, r.between(60, 200))}$$`, lc: '1033' }),
  (r) => ({ session_state: uuid(r), iss: `https://${host(r)}/realms/${r.text(LOWER, 6)}`, code: `${uuid(r)}.${uuid(r)}.${uuid(r)}` }),
  (r) => ({ code: r.text(HEX, r.pick([20, 32, 40, 64])), ...(r.chance(4) ? { installation_id: r.text(DIGITS, 8), setup_action: 'install' } : {}) }),
  (r) => ({ code: `${r.text(DIGITS, 12)}.${r.text(DIGITS, 13)}.${r.text(HEX, 64)}` }),
  (r) => ({ code: `aPrx${r.text(`${WORD}._`, 80)}==`, sfdc_community_url: `https://${host(r)}/s` }),
  (r) => ({ code: jwt(r, { sub: `auth0|${r.text(HEX, 24)}` }) }),
  (r) => ({ code: base64(r, r.between(30, 120)) }),
  (r) => ({ code: r.text(BASE64URL, r.between(22, 350)), iss: `https://${host(r)}${r.pick(['', '/', '/oauth2/default', '/v2.0', ':8443/idp'])}` }),
  (r) => ({ code: r.text(UNRESERVED, r.between(22, 128)), iss: r.pick(['http://127.0.0.1:8080', 'https://10.20.30.40/realms/internal', 'https://192.168.1.9:8443/']) }),
  (r) => ({ code: Buffer.from(`${r.text(BASE64URL, 43)}:${Date.now()}:1:1:ac:1`).toString('base64url') }),
  (r) => ({ code: `ac_${r.text(WORD, 32)}`, scope: r.pick(['read_write', 'read_only']), stripe_publishable_key: `pk_test_${r.text(WORD, 24)}` }),
  (r) => ({ code: r.text(HEX, 32), hmac: r.text(HEX, 64), host: base64(r, 36), shop: `${r.text(LOWER, 9)}.myshopify.com`, timestamp: String(1.8e9 + r.below(1e6)) }),
  (r) => ({ code: `AB${r.text(DIGITS, 14)}${r.text(WORD, 36)}`, realmId: r.text(DIGITS, 16) }),
  (r) => ({ code: r.text(WORD, r.between(8, 40)), 'accounts-server': 'https://accounts.zoho.eu', location: 'eu' }),
  (r) => ({ code: `AQ${r.text(BASE64URL, r.between(120, 300))}`, user_id: r.text(DIGITS, 9), scope: some(r, SCOPES).join(r.pick([' ', ','])) }),
  (r) => ({ response: jwt(r, { code: r.text(BASE64URL, 43), scope: some(r, SCOPES).join(' ') }) }),
  (r) => ({ code: r.text(BASE64URL, 43), expires_in: '3600', token_type: 'bearer', granted_scopes: some(r, SCOPES).join(','), denied_scopes: '' }),
  (r) => ({ code: uuid(r), team_id: `T${r.text(WORD.toUpperCase(), 10)}`, guild_id: r.text(DIGITS, 18), permissions: '8' }),
];

const CODES = ['access_denied', 'invalid_request', 'unauthorized_client', 'unsupported_response_type', 'invalid_scope', 'server_error', 'temporarily_unavailable', 'login_required',
  'consent_required', 'interaction_required', 'account_selection_required', 'user_cancelled_login', 'application_suspended', 'redirect_uri_mismatch', 'invalid_target'];

// As they are documented or were reported.
const SENTENCES = [
  'The user has denied your application access.', 'The resource owner or authorization server denied the request.', 'User denied access', 'Permissions error',
  'The redirect_uri MUST match the registered callback URL for this application.', 'end-user denied authorization', 'user hasn\'t released enough consent',
  'AADSTS65004: User declined to consent to access the app.\r\nTrace ID: 0f0f0f0f-1111-2222-3333-444455556666\r\nCorrelation ID: aaaaaaaa-bbbb-cccc-dddd-eeeeffff0000\r\nTimestamp: 2026-01-02 03:04:05Z',
  'AADSTS50105: Your administrator has configured the application Demo (\'6f1a\') to block users unless they are specifically granted (\'assigned\') access to the application. The signed in user \'ana@example.com\' is blocked because they are not a direct member of a group with access; ask your administrator.',
  'AADSTS90094: The grant requires admin permission. Ask an admin to grant permission to this app before you can use it; see https://aka.ms/aadsts?code=90094.',
  'The user\'s session isn\'t valid any more; please sign in again (or use another account).', 'Policy evaluation failed for this request, please check the policy configurations.',
  'One or more scopes are not configured for the authorization server resource: drive, mail & calendar.', 'The authenticated user doesn\'t have the "Connect" permission; select one of 2 or more workspaces and try again.',
  'Scope `read:all` isn\'t allowed -- ask for less.', 'The app needs access to a service ("https://graph.example.com") that your organization "Müller & Söhne" has not subscribed to or enabled.',
  'Invalid redirect: https://app.example.com/callback?x=1#fragment does not match', 'Der Benutzer hat die Anfrage abgelehnt – bitte erneut versuchen.', 'L\'utilisateur n\'a pas autorisé l\'application', 'ユーザーがアクセスを拒否しました',
  'login_required: max_age=0 and user not authenticated', 'User does not exist or is not assigned to the client application.', 'Unable to process request: 1 error (code = 17); id: 5f3c', 'Consent was not given for all of: email, profile',
  'Please update your card details, then delete the old connection and create it from the start.', 'There is no union of the requested scopes and those where the client is allowed',
  'The cat was on the table, and the order by which you select from the group does not matter.', 'An error occurred while executing the script; the system cannot find the file', 'missing parameter: nonce (required when response_type is id_token)',
];
const WORDS = 'the user has not granted access to this application or its session expired before consent was given please select another account from your organization and try again because policy set by admin does not allow where group of drop insert update union having order like cat echo file id'.split(' ');

function prose(r) {
  if (!r.chance(3)) {
    return some(r, SENTENCES, 2).join(' ');
  }
  const words = Array.from({ length: r.between(4, 30) }, () => r.pick(WORDS) + r.pick(['', '', '', '', ',', ';', '.', '\'s', ':']));
  return `${words.join(' ')}${r.pick(['.', '!', '?', ''])}`;
}

function failure(r) {
  return {
    error: r.pick(CODES), error_description: prose(r),
    ...(r.chance(3) ? { error_uri: `https://${host(r)}/docs/errors${r.pick(['', `/${r.text(LOWER, 8)}`, `?code=${r.text(DIGITS, 5)}`, '#access_denied'])}` } : {}),
    ...(r.chance(4) ? { error_subcode: r.pick(['cancel', 'user_denied', r.text(DIGITS, 5)]) } : {}),
    ...(r.chance(5) ? { error_reason: 'user_denied', error_code: '200' } : {}),
    ...(r.chance(5) ? { iss: `https://${host(r)}/` } : {}),
  };
}

/** What was asked for comes back as nexusd made it. */
const state = (r) => `${r.text(BASE64URL, r.between(80, 200))}.${r.text(BASE64URL, 43)}`;

const ENCODERS = [
  (text) => encodeURIComponent(text),
  (text) => encodeURIComponent(text).replaceAll('%20', '+'),
  (text) => encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%20', '+'),
  (text) => new URLSearchParams([['', text]]).toString().slice(1),
  (text) => encodeURIComponent(text).replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
];

const AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36', 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36',
];

/** One callback: {path, headers}. */
export function honestCallback(r) {
  const parameters = Object.entries({ ...(r.chance(6) ? failure(r) : r.pick(SUCCESSES)(r)), ...(r.chance(40) ? {} : { state: state(r) }) });
  for (let i = parameters.length - 1; i > 0; i--) {
    const j = r.below(i + 1);
    [parameters[i], parameters[j]] = [parameters[j], parameters[i]];
  }
  const encode = r.pick(ENCODERS);
  const own = r.chance(5) ? `/${uuid(r)}` : '';
  return {
    path: `/auth/callback${own}?${parameters.map(([name, value]) => `${name}=${encode(value)}`).join('&')}`,
    headers: {
      'user-agent': r.pick(AGENTS), accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
      'accept-language': r.pick(['en-GB,en;q=0.9', 'de-DE,de;q=0.8,en-US;q=0.5,en;q=0.3', 'ja']), 'accept-encoding': 'gzip, deflate, br, zstd', 'upgrade-insecure-requests': '1',
      ...(r.chance(3) ? {} : { referer: `https://${host(r)}${r.pick(['/', '/', `/o/oauth2/v2/auth?client_id=${r.text(DIGITS, 12)}&redirect_uri=${encodeURIComponent('https://localhost/auth/callback')}&scope=${encode(some(r, GOOGLE_SCOPES).join(' '))}`])}` }),
      ...(r.chance(3) ? {} : { cookie: `__Host-nexus_flow=${r.text(BASE64URL, 43)}${r.pick(['', '; theme=dark', `; _ga=GA1.1.${r.text(DIGITS, 9)}.${r.text(DIGITS, 10)}`])}` }),
      'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-user': '?1',
    },
  };
}

const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');

/** Credentials as people paste them: passwords of every character, keys, certificates, JSON files. {path, body} */
export function honestForm(r) {
  const value = r.pick([
    () => r.text(PRINTABLE, r.between(8, 64)),
    () => `AKIA${r.text(WORD.toUpperCase(), 16)}`,
    () => base64(r, 30),
    () => `-----BEGIN PRIVATE KEY-----\r\n${Array.from({ length: 26 }, () => r.text(BASE64, 64)).join('\r\n')}\r\n-----END PRIVATE KEY-----\r\n`,
    () => JSON.stringify({ type: 'service_account', project_id: r.text(LOWER, 8), private_key: `-----BEGIN PRIVATE KEY-----\n${r.text(BASE64, 64)}\n`, client_email: 'a@b.iam.gserviceaccount.com' }, null, 2),
    () => 'it\'s; DROP TABLE <users> -- or 1=1 ../../etc/passwd',
    () => `https://${host(r)}/tenant?x=${r.text(BASE64URL, 8)}`,
  ])();
  const fields = { _state: state(r), [r.pick(['api_key', 'password', 'secret_access_key', 'private-key', 'service.account', 'API Key', 'clé d’accès'])]: value, region: 'eu-west-1' };
  return { path: `/connect/${r.text(BASE64URL, 40)}.${r.text(BASE64URL, 43)}`, body: new URLSearchParams(fields).toString() };
}
