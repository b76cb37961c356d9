export { gini, mean, median, percentile } from './basic.ts';
export { type Distribution, fluidLimitMs } from './fluid.ts';
export {
  type CellKey,
  compareCells,
  compareModes,
  type OriginBytes,
  summarize,
} from './summarize.ts';
