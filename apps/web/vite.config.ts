import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Route } from '@tocsin/api'
import react from '@vitejs/plugin-react'
import { type Selector, transform } from 'lightningcss'
import { defineConfig, type HtmlTagDescriptor, type Plugin } from 'vite'

const [packBrotli, packGzip] = [promisify(brotliCompress), promisify(gzip)]
const outDir = 'dist'

/** The browser learns of the font from the page, not from the style sheet that it has to fetch first. */
function preloadFont(): Plugin {
  return {
    name: 'preload-font',
    transformIndexHtml: (_, { bundle = {} }): HtmlTagDescriptor[] =>
      Object.keys(bundle)
        .filter(file => /inter-latin-[\w-]{8}\.woff2$/.test(file))
        .map(file => ({ tag: 'link', attrs: { rel: 'preload', as: 'font', type: 'font/woff2', href: `/${file}`, crossorigin: true }, injectTo: 'head' })),
  }
}

/** Drops the style rules of the component library's components that no page uses: its classes are hashes, which stand in the script of their component. */
function dropUnusedStyles(): Plugin {
  return {
    name: 'drop-unused-styles',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const files = Object.values(bundle)
        const scripts = files.flatMap(file => (file.type === 'chunk' ? file.code : [])).join('\n')
        const isUsed = (selector: Selector) => selector.every(part => part.type !== 'class' || !/^m_[0-9a-f]+$/.test(part.name) || scripts.includes(part.name))
        for (const file of files) {
          if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue
          const { code } = transform({
            filename: file.fileName,
            code: Buffer.from(file.source),
            minify: true,
            visitor: {
              Rule: {
                style: ({ value }) => (value.selectors.some(isUsed) ? undefined : []),
              },
            },
          })
          // Browsers keep a file for good by its name: what was dropped is part of that.
          const name = file.fileName.replace(/-[\w-]{8}\.css$/, `-${createHash('sha256').update(code).digest('base64url').slice(0, 8)}.css`)
          for (const other of files) {
            if (other.type === 'chunk') other.code = other.code.replaceAll(file.fileName, name)
            else if (typeof other.source === 'string') other.source = other.source.replaceAll(file.fileName, name)
          }
          file.source = code
          file.fileName = name
        }
      },
    },
  }
}

/** Puts every text file compressed beside itself, as small as it gets: that is done once here, not with each request. */
function compress(): Plugin {
  return {
    name: 'compress',
    apply: 'build',
    async closeBundle() {
      const files = readdirSync(outDir, { recursive: true, encoding: 'utf8' }).filter(file => /\.(js|css|html|svg|webmanifest)$/.test(file))
      await Promise.all(
        files.map(async file => {
          const path = join(outDir, file)
          const bytes = readFileSync(path)
          writeFileSync(
            `${path}.br`,
            await packBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
          )
          writeFileSync(`${path}.gz`, await packGzip(bytes, { level: 9 }))
        }),
      )
    },
  }
}

const isContract = (id: string) => /\/packages\/(api|events|oncall)\/src\//.test(id)
const table = '\0route-table'
/** Marks the modules of a second copy of the contract, the whole one: what one part of the pages uses of a module, all would have to fetch. */
const whole = '?whole'
const wantsWhole = (importer: string) => importer.endsWith(whole) || /\/src\/(contract\.ts|reference\/reference-page\.tsx)$/.test(importer)

/**
 * The contract is large, and most of a page needs little of it. What a page does not use of it goes: schemas are made by calls, which a bundler keeps unless it
 * is told that they do nothing else. And the client is given each route without its schemas, which forms fetch for themselves.
 */
function slimContract(): Plugin {
  return {
    name: 'slim-contract',
    enforce: 'post',
    resolveId: {
      order: 'pre',
      async handler(source, importer = '') {
        if (source === './routes.ts' && importer.endsWith('/packages/api/src/client.ts')) return table
        if (!wantsWhole(importer)) return undefined
        const resolved = await this.resolve(source, importer.replace(whole, ''), { skipSelf: true })
        return resolved && isContract(resolved.id) ? `${resolved.id}${whole}` : undefined
      },
    },
    async load(id) {
      if (id !== table) return undefined
      const { routes } = await import('../../packages/api/src/routes.ts')
      const slim = Object.entries(routes as Record<string, Route>).map(([name, { method, path, produces }]) => [name, { method, path, produces }])
      return `export const routes = ${JSON.stringify(Object.fromEntries(slim))}`
    },
    transform(code, id) {
      if (!isContract(id)) return undefined
      const constants = this.parse(code).body.flatMap(statement => {
        const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
        return declaration?.type === 'VariableDeclaration' ? declaration.declarations.flatMap(({ init }) => init ?? []) : []
      })
      let pure = code
      for (const { start, end } of constants.toReversed())
        pure = `${pure.slice(0, start)}/* @__PURE__ */ (() => (${pure.slice(start, end)}))()${pure.slice(end)}`
      return { code: pure, map: null, moduleSideEffects: false }
    },
  }
}

export default defineConfig({
  plugins: [react(), slimContract(), dropUnusedStyles(), preloadFont(), compress()],
  build: {
    outDir,
    // The server looks up the script of private links; a test, what each page loads.
    manifest: true,
    rollupOptions: {
      input: ['index.html', 'src/paging/link-page.ts'],
      output: {
        // What every page needs is one file, and what many share another: they compress better than many small ones.
        codeSplitting: {
          groups: [
            {
              name: 'core',
              test: /node_modules\/(react|react-dom|scheduler|@tanstack|@floating-ui|clsx|@mantine\/(hooks|store))\/|vite\/preload-helper/,
              priority: 2,
            },
            { name: 'common', test: /node_modules\/@(mantine|tabler)|apps\/web\/src\//, minShareCount: 10 },
          ],
        },
      },
    },
    // The content security policy allows no inline scripts and no data: scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
