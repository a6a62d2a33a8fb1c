const block = 512
const encoder = new TextEncoder()

/** Splits a path as ustar has it: a name of at most 100 bytes, and what stands before it. */
function split(path: string): { name: string; prefix: string } | undefined {
  if (encoder.encode(path).length <= 100) return { name: path, prefix: '' }
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)]
    if (encoder.encode(name).length <= 100 && encoder.encode(prefix).length <= 155) return { name, prefix }
  }
  return undefined
}

function header(path: string, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(block)
  // A path that is too long even so is cut from the front: its end tells more.
  const { name, prefix } = split(path) ?? { name: path.slice(-80), prefix: '' }
  const put = (text: string, at: number) => bytes.set(encoder.encode(text), at)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  put(name, 0)
  put(`${octal(0o644, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(size, 11)}\0${octal(0, 11)}\0`, 100)
  put('        0', 148)
  put('ustar\x0000', 257)
  put(prefix, 345)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  put(`${octal(sum, 6)}\0 `, 148)
  return bytes
}

/** Packs the rule files of a folder, such as a git checkout, into one archive (ustar, gzip), as the import takes it. */
export async function archiveOf(files: readonly { readonly path: string; readonly content: Blob }[]): Promise<File> {
  const parts: BlobPart[] = []
  for (const { path, content } of files) {
    const bytes = new Uint8Array(await content.arrayBuffer())
    parts.push(header(path, bytes.length), bytes, new Uint8Array((block - (bytes.length % block)) % block))
  }
  parts.push(new Uint8Array(2 * block))
  const packed = new Response(new Blob(parts).stream().pipeThrough(new CompressionStream('gzip')))
  return new File([await packed.blob()], 'folder.tar.gz')
}
