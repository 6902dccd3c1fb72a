/** From blocks to the result of a converter: decodes images, sets the pages. */
import type { DocumentWarning } from '../../ports/document-content.ts';
import type { Job } from '../job.ts';
import { Refusal } from '../refusal.ts';
import type { Block } from '../rendition/block.ts';
import type { HtmlBlock } from '../rendition/html-blocks.ts';
import { renderBlocks } from '../rendition/render-blocks.ts';
import { sniffType } from '../sniff.ts';
import type { Converted } from './converter.ts';
import { pageImages } from './page-image.ts';

export async function setBlocks(
  blocks: Iterable<HtmlBlock>,
  job: Job,
  extra: {
    readonly landscape?: boolean;
    readonly warnings?: readonly DocumentWarning[];
    readonly mailDate?: string | null;
  } = {},
): Promise<Converted> {
  const warnings = new Set(extra.warnings);
  const { pdf, pages, missedGlyphs } = await renderBlocks(withImages(blocks, job, warnings), {
    landscape: extra.landscape ?? false,
    maxPages: job.limits.pages,
  });
  if (missedGlyphs) warnings.add('glyphs_missing');
  return { pdf, pages, mailDate: extra.mailDate ?? null, warnings: [...warnings] };
}

async function* withImages(
  blocks: Iterable<HtmlBlock>,
  job: Job,
  warnings: Set<DocumentWarning>,
): AsyncGenerator<Block> {
  for (const block of blocks) {
    if (block.kind !== 'embedded-image') {
      yield block;
      continue;
    }
    try {
      const type = await sniffType(block.bytes);
      // A drawing of Office (EMF, WMF) needs Office.
      if (type === null || !type.startsWith('image/')) warnings.add('image_left_out');
      else
        for await (const { jpeg } of pageImages(block.bytes, type, { ...job.limits, pages: 1 }))
          yield { kind: 'image', jpeg };
    } catch (error) {
      // A letter is still a letter without its logo.
      if (!(error instanceof Refusal)) throw error;
      warnings.add('image_left_out');
    }
  }
}
