/** guard.js, minified. Its test prints the new text when guard.js has changed. */
export const GUARD = `(e=>{const t=e=>e.defer||'module'===e.type,a=()=>'loading'!==e.readyState&&!self.zauberflote?.inject&&[...e.querySelectorAll('[data-zf-fallback],[data-zf-srcset],[data-zf-poster]')].sort((e,a)=>t(e)-t(a)).forEach(e=>{const{zfFallback:t,zfSrcset:a,zfPoster:r}=e.dataset;e.zf||(e.zf=1,a&&(e.srcset=a.replace(/(\\S+)\\s+[^\\s,]+([^,]*,?\\s*)/g,'$1$2')),r&&(e.poster=/\\S+/.exec(r)),t&&('as'in e&&''===e.rel&&(e.rel='stylesheet'),e.async=e.attributes.async,e.setAttribute('href'in e?'href':'data'in e?'data':'src',t),e.parentNode.load?.()))}),r=t=>{const r=e.querySelector('script[data-tracker]');!r||t&&r.src!==t||(clearTimeout(s),a(),e.onreadystatechange=a,new MutationObserver(a).observe(e,{childList:!0,subtree:!0}),self.zfSocket?.close(),delete self.zfSocket)};addEventListener('error',({target:e,filename:t})=>r(e.src||t||1),!0),setTimeout(r,3e4);const s=setTimeout(()=>{const t=e.querySelector('script[data-tracker]')?.dataset.tracker.trim().split(/\\s/)[0];if(!t||self.zauberflote||self.zfSocket||!self.RTCPeerConnection)return;const[,a]=/^zf1-([\\w-]{42}[048AEIMQUYcgkosw])$/.exec(e.querySelector('[data-zf-hash]')?.dataset.zfHash)??[];try{const e=a?[\`first.CioQABgCCiQIBRIg\${a}\`]:[],r=new WebSocket(t,['zauberflote.v1',...e]),s=[];r.binaryType='arraybuffer',r.onmessage=e=>s.push(e),self.zfSocket=Object.assign(r,{named:t,heard:s,wanted:a})}catch{}},50)})(document);`;

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
