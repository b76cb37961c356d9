/** guard.js, minified. Its test prints the new text when guard.js has changed. */
export const GUARD = `(e=>{const t=['data-zf-fallback','data-zf-srcset','data-zf-poster'],r=e=>e.defer||'module'===e.type,a=()=>'loading'!==e.readyState&&!self.zauberflote?.inject&&[...e.querySelectorAll(\`[\${t.join('],[')}]\`)].sort((e,t)=>r(e)-r(t)).forEach(e=>{const{zfFallback:t,zfSrcset:r,zfPoster:a}=e.dataset,s=[t,r,a].join();e.zf!==s&&(e.zf=s,r&&(e.srcset=r.replace(/(\\S+)\\s+[^\\s,]+([^,]*,?\\s*)/g,'$1$2')),a&&(e.poster=/\\S+/.exec(a)),t&&('as'in e&&''===e.rel&&(e.rel='stylesheet'),e.async=e.attributes.async,e.setAttribute('href'in e?'href':'data'in e?'data':'src',t),e.parentNode.load?.()))}),s=r=>{const s=e.querySelector('script[data-tracker]');!s||r&&s.src!==r||(clearTimeout(o),a(),e.onreadystatechange=a,new MutationObserver(a).observe(e,{childList:!0,subtree:!0,attributeFilter:t}),self.zfSocket?.close(),delete self.zfSocket)};addEventListener('error',({target:e,filename:t})=>s(e.src||t||1),!0),setTimeout(s,3e4);let c=5;const o=setInterval(()=>{const t=e.querySelector('script[data-tracker]')?.dataset.tracker.trim().split(/\\s/)[0],r=e.querySelector('[data-zf-hash]');if(--c&&(!t||!r))return;if(clearTimeout(o),!t||self.zauberflote||self.zfSocket||!self.RTCPeerConnection)return;const[,a]=/^zf1-([\\w-]{42}[048AEIMQUYcgkosw])$/.exec(r?.dataset.zfHash)??[];try{const e=a?[\`first.CioQABgCCiQIBRIg\${a}\`]:[],r=new WebSocket(t,['zauberflote.v1',...e]),s=[];r.binaryType='arraybuffer',r.onmessage=e=>s.push(e),self.zfSocket=Object.assign(r,{named:t,heard:s,wanted:a})}catch{}},10)})(document);`;

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
