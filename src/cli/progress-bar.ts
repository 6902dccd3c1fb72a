/** The bar that `sync` draws on a terminal: step, share, items, rate and remaining time. */
import { SingleBar } from 'cli-progress';
import type { RunProgress } from '../ports/run-store.ts';
import { bytes, duration } from './output.ts';

export interface ProgressBar {
  update(progress: RunProgress): void;
  stop(): void;
}

export function createProgressBar(now: () => number): ProgressBar {
  const bar = new SingleBar({
    format: '{step} [{bar}] {percentage} %  {items}  {rate}  {left}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    etaBuffer: 1,
  });
  let step = '';
  let stepStarted = 0;
  bar.start(100, 0, { step: 'Starting', items: '', rate: '', left: '' });
  return {
    update(progress) {
      if (progress.step !== step) {
        step = progress.step;
        stepStarted = now();
      }
      const seconds = Math.max((now() - stepStarted) / 1000, 0.001);
      const rate = progress.itemsProcessed / seconds;
      const left =
        progress.itemsTotal === null || rate === 0
          ? ''
          : `${duration(((progress.itemsTotal - progress.itemsProcessed) / rate) * 1000)} left`;
      bar.update(Math.min(100, progress.percentage), {
        step: progress.step.padEnd(20),
        items: `${progress.itemsProcessed}${progress.itemsTotal === null ? '' : `/${progress.itemsTotal}`}`,
        rate:
          seconds < 0.2
            ? ''
            : `${rate.toFixed(0)}/s${progress.counts.bytes > 0 ? `, ${bytes(progress.counts.bytes)}` : ''}`,
        left,
      });
    },
    stop: () => bar.stop(),
  };
}
