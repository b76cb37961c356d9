export { confidence95, deviation, gini, mean, median, percentile } from './basic.ts';
export { type Arrivals, type Distribution, fluidLimitMs, leastMeanMs } from './fluid.ts';
export {
  type CellKey,
  compareCells,
  compareModes,
  type OriginBytes,
  summarize,
} from './summarize.ts';
