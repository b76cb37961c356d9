import { delimiter } from 'node:path';

/** Where Debian has tc, nft and nginx; not in the PATH of ordinary users and of cron. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** A PATH that ends with the system's folders: whatever comes first in it goes on doing so. */
export function systemPath(path = ''): string {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  const missing = SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder));
  return [...folders, ...missing].join(delimiter);
}
