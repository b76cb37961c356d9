/**
 * What the paper measured in 2015, quoted as facts to stand beside ours: Zauberflöte, section 4.3,
 * mean page load time in ms of a page with one image of 768 KB, one machine, Chrome, the tracker on
 * the host. From the data files behind its figures, `fig2-seeders-leechers-ms.dat` (100 cells) and
 * `fig3-n-p2p-http-ms.dat` (33 points).
 */

/** Figure 2: `PAPER_FIG2[leechers - 1][seeders - 1]`, mean ms, 1 to 10 of each. */
export const PAPER_FIG2: readonly (readonly number[])[] = [
  [4020, 2043, 6393.6665, 7545, 6156.6, 8952.833, 8235.571, 4521.75, 7997.8887, 7268],
  [3999, 13_045.5, 8736, 3532, 7430.6, 10_418.833, 17_281.715, 17_733.125, 4411.3335, 12_069.1],
  [5015, 6237.5, 4572.3335, 8849.5, 5339.2, 12_418.167, 7412, 10_765.5, 11_266.444, 10_329.6],
  [29_015, 15_214, 7402.6665, 8095, 7872, 7095.6665, 6546.5713, 9231.25, 12_159.333, 7690.1],
  [7421, 4149.5, 10_443.333, 4215, 8877, 7993.1665, 5034, 6130.5, 8899.556, 9293.6],
  [804, 12_191.5, 6682, 8037.25, 6295.6, 6250.8335, 5971.7144, 7422.75, 5500.8887, 5830.1],
  [1543, 3311, 6400, 4408, 5887.4, 10_341.833, 7924.2856, 5919.5, 6313.1113, 5689.8],
  [1557, 4530, 4545.6665, 4241.5, 4745.6, 6580.3335, 5785.5713, 5850.75, 5367.5557, 7330.4],
  [5021, 4212.5, 3961.6667, 6340, 5701, 6174.3335, 6528.5713, 5491.25, 5986.778, 6261.1],
  [5504, 4169, 6457, 5426.5, 8294, 5855.3335, 5830.5713, 6273.875, 6474, 6592.4],
];

/** Rates of the origin, in bytes per second, beside which figure 3 may stand: both are called 512 KB/s. */
const FIG3_RATES: readonly number[] = [512_000, 524_288];

/** Whether results of a scenario at a rate may stand beside the paper's figure 3. */
export function isLikePaperFig3(scenario: string, rateBytesPerSecond: number): boolean {
  return scenario === 'fig3' && FIG3_RATES.includes(rateBytesPerSecond);
}

/** One point of figure 3. */
export interface PaperPoint {
  /** Seeders, and as many leechers. */
  readonly n: number;
  readonly p2pMs: number;
  readonly httpMs: number;
}

/**
 * Figure 3: n seeders and n leechers against HTTP alone. The text says that the origin was limited
 * to 64 KB/s; its recipe shaped it to 512 KB/s, and only that fits 1 932 ms for 768 KB.
 */
export const PAPER_FIG3: readonly PaperPoint[] = [
  { n: 1, p2pMs: 395, httpMs: 1932 },
  { n: 2, p2pMs: 10_356, httpMs: 3081.5 },
  { n: 3, p2pMs: 5177, httpMs: 3953 },
  { n: 4, p2pMs: 7489.5, httpMs: 5532 },
  { n: 5, p2pMs: 8761.8, httpMs: 7370 },
  { n: 6, p2pMs: 5385.1665, httpMs: 8797.333 },
  { n: 7, p2pMs: 5328.7144, httpMs: 9498.571 },
  { n: 8, p2pMs: 5970.75, httpMs: 10_896 },
  { n: 9, p2pMs: 8684.777, httpMs: 11_774.777 },
  { n: 10, p2pMs: 5803.1, httpMs: 14_097.8 },
  { n: 11, p2pMs: 7983.4546, httpMs: 12_690.728 },
  { n: 12, p2pMs: 6776.3335, httpMs: 17_352.416 },
  { n: 13, p2pMs: 6405.3076, httpMs: 16_289.154 },
  { n: 14, p2pMs: 9578.714, httpMs: 13_548.214 },
  { n: 15, p2pMs: 9965.733, httpMs: 18_108.268 },
  { n: 16, p2pMs: 11_507.375, httpMs: 20_394.688 },
  { n: 17, p2pMs: 12_427.883, httpMs: 23_609.176 },
  { n: 18, p2pMs: 12_680.389, httpMs: 21_090.723 },
  { n: 19, p2pMs: 13_479.895, httpMs: 14_692.579 },
  { n: 20, p2pMs: 14_510.9, httpMs: 27_235.95 },
  { n: 21, p2pMs: 15_686.762, httpMs: 13_978.952 },
  { n: 22, p2pMs: 18_163.818, httpMs: 25_508.682 },
  { n: 23, p2pMs: 16_683.088, httpMs: 27_278.652 },
  { n: 24, p2pMs: 18_582.709, httpMs: 28_468.709 },
  { n: 25, p2pMs: 19_600.92, httpMs: 32_520.12 },
  { n: 26, p2pMs: 21_894.191, httpMs: 25_642.809 },
  { n: 27, p2pMs: 22_184.518, httpMs: 29_752.74 },
  { n: 28, p2pMs: 21_693.393, httpMs: 23_966.678 },
  { n: 29, p2pMs: 22_123.621, httpMs: 17_280.793 },
  { n: 30, p2pMs: 25_020.967, httpMs: 26_080.934 },
  { n: 31, p2pMs: 25_964.549, httpMs: 26_518.936 },
  { n: 32, p2pMs: 28_072.719, httpMs: 31_753.438 },
  { n: 33, p2pMs: 30_483.363, httpMs: 27_414.727 },
];
