// The first of two ordered scripts: colours of the night and the moon's age, for gallery.js.
window.Palette = {
  sky: ['#050b12', '#12303c', '#33555d'],
  moonlight: '#f6ecd2',
  dusk: '#cfc3a6',
  shadow: '#17262d',
  star: '#dfe8e4',

  /**
   * The moon on a date. `turn` runs from 0 (new) over 0.5 (full) to 1, `lit` is the share of the
   * disc in sunlight. Mean motion only, so up to half a day off.
   */
  moon(date) {
    const synodicMonth = 29.530588853; // days; Meeus, Astronomical Algorithms, chapter 49
    const newMoon = Date.UTC(2000, 0, 6, 18, 14); // the first of the year 2000
    const days = (date.getTime() - newMoon) / 86_400_000;
    const turn = (((days / synodicMonth) % 1) + 1) % 1;
    const names = [
      'New moon',
      'Waxing crescent',
      'First quarter',
      'Waxing gibbous',
      'Full moon',
      'Waning gibbous',
      'Last quarter',
      'Waning crescent',
    ];
    return {
      turn,
      lit: (1 - Math.cos(2 * Math.PI * turn)) / 2,
      name: names[Math.round(turn * 8) % 8],
    };
  },
};
