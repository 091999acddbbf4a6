// A person's browser: cookies per host and port, redirects, HTML forms. It walks a provider's login and consent pages
// by filling in the forms it is shown, and stops at the address it is told to stop at.
import { request } from './http.mjs';

export class Browser {
  #cookies = new Map();   // origin -> Map(name -> {value, path})

  constructor() {
    this.visited = [];   // addresses without their query, which may hold secrets
  }

  /** Opens an address and follows redirects; stops where `until(url)` holds. Returns {url, status, text, stopped}. */
  async open(url, { method = 'GET', body, headers = {}, until } = {}) {
    for (let hops = 0; hops < 20; hops++) {
      if (until?.(url)) {
        return { url, stopped: true };
      }
      const at = new URL(url);
      this.visited.push(at.origin + at.pathname);
      const answer = await request(url, {
        method, body, headers: { accept: 'text/html', cookie: this.#cookieHeader(at), ...headers },
      });
      this.#store(at, answer.headers['set-cookie'] ?? []);
      if (answer.status < 300 || answer.status > 399 || !answer.headers.location) {
        return { url, status: answer.status, headers: answer.headers, text: answer.text, stopped: false };
      }
      url = new URL(answer.headers.location, url).href;
      method = 'GET';
      body = undefined;
      headers = {};
    }
    throw new Error('more than 20 redirects');
  }

  /** Opens a link of ours (/connect/...) and stops where it leaves: the provider's authorization URL. */
  async leave(authUrl) {
    const { origin } = new URL(authUrl);
    const page = await this.open(authUrl, { until: (url) => new URL(url).origin !== origin });
    if (!page.stopped) {
      throw new Error(`the link did not lead on: ${page.status} ${page.text.slice(0, 200)}`);
    }
    return new URL(page.url);
  }

  /** Submits the page's first form; `fields` are typed in over what the form holds. */
  submit(page, fields, { until } = {}) {
    const form = parseForm(page.text);
    if (!form) {
      throw new Error(`no form on ${page.url} (status ${page.status}): ${page.text.slice(0, 200)}`);
    }
    const values = new URLSearchParams({ ...form.fields, ...fields });
    return this.open(new URL(form.action || page.url, page.url).href, {
      method: form.method,
      body: values.toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      until,
    });
  }

  /**
   * Logs in and consents wherever a form asks for it.
   *
   * authUrl  the address that starts the flow; until: the page the flow must come back to
   * returns  the address at which it ended
   */
  async consent(authUrl, { login = 'alice', until }) {
    let page = await this.open(authUrl, { until });
    for (let steps = 0; !page.stopped && steps < 5; steps++) {
      page = await this.submit(page, /name="login"/.test(page.text) ? { login, password: 'x' } : {}, { until });
    }
    if (!page.stopped) {
      throw new Error(`the consent ended on ${page.url} (status ${page.status})`);
    }
    return page.url;
  }

  #cookieHeader(url) {
    const jar = this.#cookies.get(url.origin) ?? new Map();
    return [...jar].filter(([, cookie]) => url.pathname.startsWith(cookie.path))
      .map(([name, cookie]) => `${name}=${cookie.value}`).join('; ');
  }

  #store(url, lines) {
    const jar = this.#cookies.get(url.origin) ?? new Map();
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const path = attributes.find((a) => /^path=/i.test(a))?.slice(5) ?? '/';
      const expires = attributes.find((a) => /^expires=/i.test(a))?.slice(8);
      if (value === '' || attributes.some((a) => /^max-age=0$/i.test(a)) || (expires && Date.parse(expires) <= Date.now())) {
        jar.delete(name);
      } else {
        jar.set(name, { value, path });
      }
    }
    this.#cookies.set(url.origin, jar);
  }
}

// Enough HTML for the forms of a login page: first form, its address, method and named fields with values.
function parseForm(html) {
  const form = /<form([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
  if (!form) {
    return undefined;
  }
  const fields = {};
  for (const [, attributes] of form[2].matchAll(/<input([^>]*)>/gi)) {
    const name = attribute(attributes, 'name');
    if (name && !/^(submit|button)$/i.test(attribute(attributes, 'type') ?? '')) {
      fields[name] = attribute(attributes, 'value') ?? '';
    }
  }
  return { action: attribute(form[1], 'action'), method: (attribute(form[1], 'method') ?? 'GET').toUpperCase(), fields };
}

function attribute(text, name) {
  const found = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(text);
  return (found?.[1] ?? found?.[2])?.replaceAll('&amp;', '&');
}
