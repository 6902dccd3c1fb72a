/** The first bytes by which programs know types of files, with the place where they stand. */
export const MAGIC_NUMBERS: Readonly<Record<string, { readonly hex: string; readonly at?: number }>> = {
  'pdf-1': { hex: '255044462d312e34' },
  'pdf-2': { hex: '255044462d322e300a' },
  zip: { hex: '504b0304140000000800' },
  'zip-empty': { hex: '504b0506' },
  gzip: { hex: '1f8b0800' },
  bzip2: { hex: '425a6839' },
  xz: { hex: 'fd377a585a00' },
  '7z': { hex: '377abcaf271c' },
  rar: { hex: '526172211a0700' },
  tar: { hex: '7573746172003030', at: 257 },
  compound: { hex: 'd0cf11e0a1b11ae1' },
  png: { hex: '89504e470d0a1a0a0000000d49484452' },
  jpeg: { hex: 'ffd8ffe000104a4649460001' },
  gif: { hex: '474946383961' },
  webp: { hex: '524946460000ff7f574542505650382058' },
  'tiff-little': { hex: '49492a0008000000' },
  'tiff-big': { hex: '4d4d002a00000008' },
  bmp: { hex: '424d36a4000000000000360000002800000040000000' },
  heic: { hex: '0000001c66747970686569630000000068656963' },
  avif: { hex: '0000001c6674797061766966' },
  jp2: { hex: '0000000c6a5020200d0a870a' },
  psd: { hex: '38425053' },
  ico: { hex: '00000100' },
  mp4: { hex: '000000186674797069736f6d' },
  mp3: { hex: '494433' },
  wav: { hex: '52494646ffffff7f57415645' },
  ogg: { hex: '4f676753' },
  elf: { hex: '7f454c46020101' },
  exe: { hex: '4d5a9000' },
  class: { hex: 'cafebabe0000' },
  wasm: { hex: '0061736d01000000' },
  sqlite: { hex: '53514c69746520666f726d6174203300' },
  dicom: { hex: '4449434d', at: 128 },
  woff: { hex: '774f4646' },
};

export function behindMagicNumber(name: string, random: () => number): Buffer {
  const { hex, at = 0 } = MAGIC_NUMBERS[name]!;
  const bytes = Buffer.from(Array.from({ length: 512 + (random() % 8_192) }, () => random() % 256));
  bytes.write(hex, at, 'hex');
  return bytes;
}
