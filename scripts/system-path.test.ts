import assert from 'node:assert/strict';
import { systemPath } from './system-path.ts';

describe('The PATH of programs that only root usually runs', () => {
  it("has the system's folders, after those that were there", () => {
    assert.equal(
      systemPath('/own/bin:/usr/bin'),
      '/own/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/sbin',
    );
  });

  it('has none twice, and keeps their order', () => {
    assert.equal(systemPath('/sbin:/usr/bin'), '/sbin:/usr/bin:/usr/local/sbin:/usr/sbin');
  });

  it('never names the current folder, also where there is no PATH', () => {
    assert.equal(systemPath(''), '/usr/local/sbin:/usr/sbin:/sbin');
    assert.equal(systemPath(':/usr/bin:'), '/usr/bin:/usr/local/sbin:/usr/sbin:/sbin');
  });
});
