import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * `npm run build -w @tocsin/sigma [folder]`: the package as others can install it, without the rest of Tocsin. In the workspace its TypeScript
 * runs as it is; Node does not do that inside node_modules, so types are taken off here. `npm pack` or `npm publish` the folder.
 */
const here = fileURLToPath(new URL('.', import.meta.url))
const out = process.argv[2] ?? join(here, 'dist')

rmSync(out, { recursive: true, force: true })
for (const name of readdirSync(join(here, 'src'), { recursive: true, encoding: 'utf8' })) {
  const [from, to] = [join(here, 'src', name), join(out, 'src', name)]
  if (name.endsWith('.ts')) {
    const plain = stripTypeScriptTypes(readFileSync(from, 'utf8')).replaceAll(/(['"])(\.{1,2}\/[\w./-]+)\.ts\1/g, '$1$2.js$1')
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to.replace(/\.ts$/, '.js'), plain)
  } else if (name.endsWith('.wasm')) {
    mkdirSync(dirname(to), { recursive: true })
    cpSync(from, to)
  }
}
const { private: _, scripts: __, ...about } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')) as Record<string, unknown>
writeFileSync(
  join(out, 'package.json'),
  `${JSON.stringify({ ...about, exports: { '.': './src/index.js', './files': './src/files.js' }, engines: { node: '>=24' } }, null, 2)}\n`,
)
cpSync(join(here, 'README.md'), join(out, 'README.md'))
cpSync(join(here, '../../LICENSE'), join(out, 'LICENSE'))
