/** The bytes of an attachment: what was uploaded, or an invented file that its identifier decides. */
import type { PatientAttachment } from './records.ts';

export function contentOf({ id, source }: PatientAttachment): Buffer {
  if (source.bytes) return source.bytes;
  if (source.contentType === 'image/jpeg') {
    return Buffer.concat([
      Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
      Buffer.from(`invented ${id}`),
      Buffer.from([0xff, 0xd9]),
    ]);
  }
  if (source.contentType.startsWith('text/')) return Buffer.from(`Invented text of document ${id}.\n`);
  return Buffer.from(smallPdf(`Invented document ${id}`));
}

/** A page with one line. The table of offsets is right, so that strict readers open it. */
function smallPdf(line: string): string {
  const stream = `BT /F1 12 Tf 72 720 Td (${line}) Tj ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let out = '%PDF-1.4\n';
  const offsets = objects.map((object, i) => {
    const at = out.length;
    out += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, '0')} 00000 n \n`;
  });
  const table = out.length;
  out += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join('')}`;
  return `${out}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
}
