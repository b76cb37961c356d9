/** guard.js, minified. Its test prints the new text when guard.js has changed. */
export const GUARD = `(e=>{const t=e=>e.defer||'module'===e.type,r=()=>'loading'!==e.readyState&&!self.zauberflote&&[...e.querySelectorAll('[data-zf-fallback],[data-zf-srcset],[data-zf-poster]')].sort((e,r)=>t(e)-t(r)).forEach(e=>{const{zfFallback:t,zfSrcset:r,zfPoster:a}=e.dataset;e.zf||(e.zf=1,r&&(e.srcset=r.replace(/(\\S+)\\s+[^\\s,]+([^,]*,?\\s*)/g,'$1$2')),a&&(e.poster=/\\S+/.exec(a)),t&&('as'in e&&''===e.rel&&(e.rel='stylesheet'),e.async=e.attributes.async,e.setAttribute('href'in e?'href':'data'in e?'data':'src',t),e.parentNode.load?.()))}),a=t=>{const a=e.querySelector('script[data-tracker]');!a||t&&a.src!==t||(clearTimeout(s),r(),e.onreadystatechange=r,new MutationObserver(r).observe(e,{childList:!0,subtree:!0}),self.zfSocket?.close(),delete self.zfSocket)};addEventListener('error',({target:e,filename:t})=>a(e.src||t||1),!0),setTimeout(a,3e4);const s=setTimeout(()=>{const t=e.querySelector('script[data-tracker]')?.dataset.tracker.trim().split(/\\s/)[0];if(t&&!self.zauberflote&&!self.zfSocket&&self.RTCPeerConnection)try{const e=new WebSocket(t,'zauberflote.v1'),r=[];e.binaryType='arraybuffer',e.onmessage=e=>r.push(e),self.zfSocket=Object.assign(e,{named:t,heard:r})}catch{}},50)})(document);`;

/**
 * What a page needs to load Zauberflöte: the guard and the script, as HTML for its head. The guard
 * is the text of an inline script, so a strict Content Security Policy has to name its hash.
 * @param scriptUrl of zauberflote.js; from another host, the server has to allow CORS
 * @param trackerUrl ws: or wss: URL
 */
export function guardSnippet(scriptUrl: string, trackerUrl: string): string {
  const attribute = (value: string) => value.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  return (
    `<script>${GUARD}</script>\n` +
    `<script src="${attribute(scriptUrl)}" data-tracker="${attribute(trackerUrl)}" async></script>`
  );
}
