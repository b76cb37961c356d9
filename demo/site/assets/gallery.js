// The second of two ordered scripts. It needs Palette, so it fails loudly if it came first.
if (!window.Palette) throw new Error('gallery.js ran before palette.js');

(() => {
  const { dusk, moon, moonlight, shadow, sky, star } = window.Palette;
  const canvas = document.querySelector('#moon');
  const pen = canvas.getContext('2d');
  const size = canvas.width;
  const tonight = moon(new Date());
  document.querySelector('#moon-name').textContent =
    `${tonight.name}, ${Math.round(tonight.lit * 100)} % in sunlight`;

  const seas = [
    [-0.32, -0.36, 0.3],
    [0.22, -0.34, 0.2],
    [0.4, -0.08, 0.22],
    [0.66, -0.28, 0.12],
    [-0.52, 0.06, 0.26],
    [-0.3, 0.4, 0.16],
    [0.5, 0.22, 0.14],
  ];

  // Golden-angle spiral: stars spread evenly, yet look strewn.
  const stars = Array.from({ length: 70 }, (_, i) => ({
    x: size / 2 + Math.sqrt(i / 70) * size * 0.5 * Math.cos(i * 2.39996),
    y: size / 2 + Math.sqrt(i / 70) * size * 0.5 * Math.sin(i * 2.39996),
    radius: 0.8 + ((i * 37) % 11) / 8,
    beat: (i * 53) % 17,
  }));

  function draw(seconds) {
    const ground = pen.createLinearGradient(0, 0, 0, size);
    sky.forEach((colour, i) => {
      ground.addColorStop(i / (sky.length - 1), colour);
    });
    pen.fillStyle = ground;
    pen.fillRect(0, 0, size, size);
    for (const { x, y, radius, beat } of stars) {
      pen.globalAlpha = 0.35 + 0.3 * Math.sin(seconds * 0.9 + beat);
      disc(x, y, radius, star);
    }
    pen.globalAlpha = 1;
    drawMoon(size / 2, size / 2, size * 0.25);
  }

  function disc(x, y, radius, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fill();
  }

  function drawMoon(x, y, radius) {
    disc(x, y, radius, shadow);
    const waxing = tonight.turn < 0.5;
    const terminator = Math.cos(2 * Math.PI * tonight.turn) * radius;
    pen.save();
    pen.translate(x, y);
    if (!waxing) pen.scale(-1, 1);
    pen.shadowColor = moonlight;
    pen.shadowBlur = radius * 0.5 * tonight.lit;
    pen.fillStyle = moonlight;
    pen.beginPath();
    pen.arc(0, 0, radius, -Math.PI / 2, Math.PI / 2);
    pen.ellipse(0, 0, Math.abs(terminator), radius, 0, Math.PI / 2, -Math.PI / 2, terminator > 0);
    pen.fill();
    pen.shadowBlur = 0;
    pen.clip();
    // The seas, as [x, y, radius] in radii of the moon; mirrored back, for they do not wane.
    if (!waxing) pen.scale(-1, 1);
    pen.globalAlpha = 0.25;
    for (const [left, top, wide] of seas) disc(left * radius, top * radius, wide * radius, dusk);
    pen.restore();
  }

  if (matchMedia('(prefers-reduced-motion: reduce)').matches) draw(0);
  else {
    const tick = (time) => {
      draw(time / 1000);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  // The second view is asked for only now: an element added later, marked like any other.
  const button = document.querySelector('#another');
  button.addEventListener('click', () => {
    const frame = document.querySelector('#second-view');
    frame.hidden = false;
    button.hidden = true;
    const image = document.createElement('img');
    image.alt = 'The same wood in the hour before sunrise, rose mist between the firs';
    image.width = 1200;
    image.height = 800;
    image.dataset.zfFallback = button.dataset.src;
    image.dataset.zfHash = button.dataset.hash;
    frame.prepend(image);
  });
})();
