/** guard.js, minified. Its test prints the new text when guard.js has changed. */
export const GUARD = `(e=>{const t=['data-zf-fallback','data-zf-srcset','data-zf-poster'],r=e=>e.defer||'module'===e.type,a=()=>'loading'!==e.readyState&&!self.zauberflote?.inject&&[...e.querySelectorAll(\`[\${t.join('],[')}]\`)].sort((e,t)=>r(e)-r(t)).forEach(e=>{const{zfFallback:t,zfSrcset:r,zfPoster:a}=e.dataset,s=[t,r,a].join();e.zf!==s&&(e.zf=s,r&&(e.srcset=r.replace(/(\\S+)\\s+[^\\s,]+([^,]*,?\\s*)/g,'$1$2')),a&&(e.poster=/\\S+/.exec(a)),t&&('as'in e&&''===e.rel&&(e.rel='stylesheet'),e.async=e.attributes.async,e.setAttribute('href'in e?'href':'data'in e?'data':'src',t),e.parentNode.load?.()))}),s=r=>{const s=e.querySelector('script[data-tracker]');!s||r&&s.src!==r||(clearTimeout(c),a(),e.onreadystatechange=a,new MutationObserver(a).observe(e,{childList:!0,subtree:!0,attributeFilter:t}),self.zfSocket?.close(),delete self.zfSocket)};addEventListener('error',({target:e,filename:t})=>s(e.src||t||1),!0),setTimeout(s,3e4);const c=setTimeout(()=>{const t=e.querySelector('script[data-tracker]')?.dataset.tracker.trim().split(/\\s/)[0];if(!t||self.zauberflote||self.zfSocket||!self.RTCPeerConnection)return;const[,r]=/^zf1-([\\w-]{42}[048AEIMQUYcgkosw])$/.exec(e.querySelector('[data-zf-hash]')?.dataset.zfHash)??[];try{const e=r?[\`first.CioQABgCCiQIBRIg\${r}\`]:[],a=new WebSocket(t,['zauberflote.v1',...e]),s=[];a.binaryType='arraybuffer',a.onmessage=e=>s.push(e),self.zfSocket=Object.assign(a,{named:t,heard:s,wanted:r})}catch{}},50)})(document);`;

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
