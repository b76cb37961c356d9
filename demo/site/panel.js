// The panel: shows, live, where each asset's bytes came from. Part of the page, not an asset.
(() => {
  const $ = (id) => document.getElementById(id);
  const SOURCES = ['peers', 'store', 'origin'];
  const WORDS = { peers: 'visitors', store: 'this browser', origin: 'origin' };
  const rows = new Map();
  for (const element of document.querySelectorAll('[data-asset]')) {
    rows.set(element.dataset.asset, {
      element,
      size: Number(element.dataset.size),
      bytes: { peers: 0, store: 0, origin: 0 },
      state: 'waiting',
    });
  }

  const rowOf = (url) => {
    const { origin, pathname } = new URL(url, location.href);
    return origin === location.origin ? rows.get(pathname) : undefined;
  };
  const size = (bytes) =>
    bytes < 1024 * 1024
      ? `${(bytes / 1024).toFixed(bytes > 0 && bytes < 10 * 1024 ? 1 : 0)} KB`
      : `${(bytes / 1024 / 1024).toFixed(2)} MB`;
  // Rounded down, so that 100 % means all of it.
  const percent = (part, whole) => Math.floor((100 * part) / whole);
  const sum = (bytes) => SOURCES.reduce((total, source) => total + bytes[source], 0);

  /** What each source gave, in percent that add up to 100: the largest takes the rounding. */
  function shares(bytes) {
    const given = SOURCES.filter((source) => bytes[source] > 0);
    given.sort((one, other) => bytes[other] - bytes[one]);
    const whole = sum(bytes);
    const parts = given.map((source) => Math.max(1, Math.round((100 * bytes[source]) / whole)));
    parts[0] = 100 - parts.slice(1).reduce((one, other) => one + other, 0);
    return given.map((source, i) => `${parts[i]} % from ${WORDS[source]}`);
  }

  function show(row) {
    const { element, bytes, state } = row;
    const got = sum(bytes);
    for (const source of SOURCES) {
      const share = (100 * bytes[source]) / Math.max(row.size, got);
      element.querySelector(`.zf-bar .${source}`).style.width = `${share}%`;
    }
    const texts = {
      waiting: 'not asked for yet',
      loading: `${percent(Math.min(got, row.size), row.size)} % here`,
      done: shares(bytes).join(', '),
      plain: 'from origin, by plain HTTP',
      failed: row.error,
    };
    element.querySelector('.zf-note').textContent = texts[state];
    element.classList.toggle('zf-failed', state === 'failed');
    total();
  }

  function total() {
    const bytes = { peers: 0, store: 0, origin: 0 };
    for (const row of rows.values()) {
      for (const source of SOURCES) bytes[source] += row.bytes[source];
    }
    const all = sum(bytes);
    if (all === 0) return;
    const share = `${percent(bytes.peers, all)} %`;
    $('zf-share').textContent = share;
    $('zf-chip').textContent = `${share} from visitors`;
  }

  function listen(type, state) {
    document.addEventListener(type, ({ detail }) => {
      const row = detail?.fallback ? rowOf(detail.fallback) : undefined;
      // The same asset may be wanted by two elements; what is done stays done.
      if (!row || (row.state === 'done' && state === 'loading')) return;
      row.state = state;
      row.bytes = { ...row.bytes, ...detail.bytes };
      row.error = detail.error?.message ?? String(detail.error ?? 'failed');
      show(row);
    });
  }
  listen('zf:progress', 'loading');
  listen('zf:load', 'done');
  listen('zf:error', 'failed');
  document.addEventListener('zf:error', ({ target }) => target.classList.add('zf-missing'));

  // Without the client script the guard puts plain addresses in place: that is the origin, too.
  document.addEventListener(
    'load',
    ({ target }) => {
      const url = target.currentSrc || target.src || target.href;
      const row = url ? rowOf(url) : undefined;
      if (row?.state !== 'waiting') return;
      row.state = 'plain';
      row.bytes.origin = row.size;
      show(row);
    },
    true,
  );

  const TRACKER = {
    connecting: 'connecting',
    open: 'connected',
    waiting: 'trying again',
    unavailable: 'not available',
    closed: 'closed',
  };

  function stats() {
    const now = window.zauberflote?.stats?.();
    if (!now) {
      $('zf-tracker').textContent =
        document.readyState === 'complete' ? 'client script not loaded' : 'loading';
      return;
    }
    const text = (id, value) => {
      if ($(id).textContent !== value) $(id).textContent = value;
    };
    text('zf-tracker', TRACKER[now.tracker] ?? String(now.tracker ?? 'unknown'));
    text('zf-connections', String(now.connections ?? 0));
    text('zf-uploaded', size(now.bytes?.uploaded ?? 0));
  }

  let up = true;
  function showOrigin(origin) {
    up = origin.up;
    $('zf-served').textContent = `${size(origin.bytesServed)}${up ? '' : ', stopped'}`;
    $('zf-served').classList.toggle('zf-down', !up);
    $('zf-served').title = `${origin.requests} requests`;
    $('zf-toggle').textContent = up ? 'Stop the origin' : 'Start the origin';
  }
  async function askOrigin(request) {
    try {
      const response = await fetch('/demo/origin', request);
      if (response.ok) return showOrigin(await response.json());
    } catch {
      // Told below: a demo that was ended answers nothing at all.
    }
    $('zf-served').textContent = 'the demo has ended';
  }
  $('zf-toggle').addEventListener('click', () =>
    askOrigin({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ up: !up }),
    }),
  );

  stats();
  askOrigin();
  setInterval(stats, 500);
  // Another window may stop or start the origin, too.
  setInterval(() => document.hidden || askOrigin(), 2000);
})();
