import { expect, test } from 'vitest';
import { htmlBlocks } from './html-blocks.ts';

const paragraph = (text: string, indent = 0) => ({ kind: 'paragraph', text, indent });

test.each<[string, unknown[]]>([
  [
    '<h1>A</h1><h5>B</h5>',
    [
      { kind: 'heading', level: 1, text: 'A' },
      { kind: 'heading', level: 3, text: 'B' },
    ],
  ],
  ['<p>a <b>b</b>\n c<br>d</p>e', [paragraph('a b c\nd'), paragraph('e')]],
  ['<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>', [paragraph('• a', 1), paragraph('• b', 1), paragraph('• c', 2)]],
  ['<pre>a  b\n  c</pre>', [paragraph('a  b\n  c')]],
  ['a<hr>b', [paragraph('a'), { kind: 'rule' }, paragraph('b')]],
  ['&lt;p&gt; &amp; &euro;', [paragraph('<p> & €')]],
  [
    '<table><tr><th>a<th>b<tr><td><p>1</p><p>2</p><td>3</table>',
    [
      {
        kind: 'table',
        rows: [
          ['a', 'b'],
          ['1\n2', '3'],
        ],
      },
    ],
  ],
  [
    '<table><tr><td>a<table><tr><td>b</td></tr></table>c</td><td>d</td></tr></table>',
    [paragraph('a'), { kind: 'table', rows: [['b']] }, paragraph('c'), paragraph('d')],
  ],
  [
    '<table><caption>Medication</caption><tr><td>a</td></tr>and<tr><td>b</td></tr></table>',
    [paragraph('Medication'), paragraph('and'), { kind: 'table', rows: [['a'], ['b']] }],
  ],
  ['<script>a</script><style>b</style><noscript>c</noscript><svg><text>d</text></svg>e', [paragraph('e')]],
  ['<img src="http://127.0.0.1/x.png"><img src=file:///etc/passwd>', []],
  ['<img src="data:image/png;base64,aGk=">', [{ kind: 'embedded-image', bytes: Buffer.from('hi') }]],
  ['</p></ul></td></table></script>x', [paragraph('x')]],
  ['', []],
])('%s', (html, blocks) => {
  expect(htmlBlocks(html)).toEqual(blocks);
});

test('ten thousand open tags are read without running out of stack', () => {
  expect(htmlBlocks(`${'<div>'.repeat(10_000)}end`)).toEqual([paragraph('end')]);
});

test('a million open tags are refused at once', () => {
  expect(() => htmlBlocks(`${'<div>'.repeat(1_000_000)}end`)).toThrow(
    expect.objectContaining({ code: 'document_too_large' }),
  );
});
