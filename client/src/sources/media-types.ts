/** File extensions of what web pages embed, with the subtype where it is another word. */
export const EXTENSIONS: Readonly<Record<string, string>> = {
  application: 'json pdf',
  audio: 'm4a=mp4 mp3=mpeg oga=ogg ogg wav',
  font: 'otf ttf woff woff2',
  image: 'avif gif ico=x-icon jpeg jpg=jpeg png svg=svg+xml webp',
  text: 'css html js=javascript mjs=javascript txt=plain vtt',
  video: 'mp4 ogv=ogg webm',
};

/** The media type of a file by the extension of its name or path; empty if that is not known. */
export function typeByExtension(path: string): string {
  const extension = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ' ';
  for (const [type, words] of Object.entries(EXTENSIONS))
    for (const word of words.split(' ')) {
      const [name, subtype = name] = word.split('=');
      if (name === extension) return `${type}/${subtype}`;
    }
  return '';
}
