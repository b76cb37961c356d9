// The inline guard: when the client's script cannot be loaded (404, blocked), throws, or is not there
// after 30 s, every marked element gets its fallback, as in plain HTML, also those added later. Until then
// it opens the socket to the tracker. It stands in front of
// the client's script and is the same on every site, so that a Content Security Policy can name its
// hash. guard.ts holds it minified; a test says when that is out of date. Every byte of it is on
// every page: no ceremony.
((d) => {
  const names = ['data-zf-fallback', 'data-zf-srcset', 'data-zf-poster'];
  const late = (e) => e.defer || e.type === 'module';
  // Only when the document is parsed: then scripts can keep their order, deferred ones last.
  // A client that came late or threw later does the rest.
  const fill = () =>
    d.readyState !== 'loading' &&
    // Not an element with this id, which is a property of the window as well.
    !self.zauberflote?.inject &&
    [...d.querySelectorAll(`[${names.join('],[')}]`)]
      .sort((a, b) => late(a) - late(b))
      .forEach((e) => {
        const { zfFallback: fallback, zfSrcset: srcset, zfPoster: poster } = e.dataset;
        // What it was filled for, which a framework may change.
        const filled = [fallback, srcset, poster].join();
        if (e.zf === filled) return;
        e.zf = filled;
        if (srcset) e.srcset = srcset.replace(/(\S+)\s+[^\s,]+([^,]*,?\s*)/g, '$1$2');
        if (poster) e.poster = /\S+/.exec(poster);
        if (!fallback) return;
        // Not of a link in the text.
        if ('as' in e && e.rel === '') e.rel = 'stylesheet';
        // A script that gets its src late is async unless told otherwise.
        e.async = e.attributes.async;
        e.setAttribute('href' in e ? 'href' : 'data' in e ? 'data' : 'src', fallback);
        // A source that gets its src late is only looked at when its media element starts over.
        e.parentNode.load?.();
      });
  const start = (from) => {
    const client = d.querySelector('script[data-tracker]');
    if (!client || (from && client.src !== from)) return;
    clearTimeout(early);
    fill();
    d.onreadystatechange = fill;
    new MutationObserver(fill).observe(d, {
      childList: true,
      subtree: true,
      attributeFilter: names,
    });
    self.zfSocket?.close();
    // To a client that comes late, this must not look as if the tracker had ended it.
    delete self.zfSocket;
  };
  addEventListener(
    'error',
    // Of the script element, or (with a filename) of what it runs.
    ({ target, filename }) => start(target.src || filename || 1),
    true,
  );
  // In a flash crowd the script itself takes long: some of 10 visitors at 64 KB/s waited more than 10 s,
  // and whoever gives up loads everything from the origin that is overloaded (measured: 4 copies).
  setTimeout(start, 3e4);
  // The socket need not wait for the script (early-socket.ts), but 10 ms for one from the cache, which asks for all
  // elements with its own request for the socket (measured: 1 to 10 ms; 2 to 71 on a processor four times as slow), and
  // up to 50 for the first marked element. What ends timers ends intervals, too.
  let turns = 5;
  const early = setInterval(() => {
    const named = d.querySelector('script[data-tracker]')?.dataset.tracker.trim().split(/\s/)[0];
    const marked = d.querySelector('[data-zf-hash]');
    if (--turns && !(named && marked)) return;
    clearTimeout(early);
    if (!named || self.zauberflote || self.zfSocket || !self.RTCPeerConnection) return;
    // Whole digests only: the tracker would end the session of all elements for a malformed one.
    const [, wanted] = /^zf1-([\w-]{42}[048AEIMQUYcgkosw])$/.exec(marked?.dataset.zfHash) ?? [];
    try {
      // A Want of two offers, its content last, takes 12 bytes before the digest: in base64, they just go before it.
      const first = wanted ? [`first.CioQABgCCiQIBRIg${wanted}`] : [];
      const socket = new WebSocket(named, ['zauberflote.v1', ...first]);
      const heard = [];
      socket.binaryType = 'arraybuffer';
      socket.onmessage = (message) => heard.push(message);
      self.zfSocket = Object.assign(socket, { named, heard, wanted });
    } catch {
      // The client says why.
    }
  }, 10);
})(document);
