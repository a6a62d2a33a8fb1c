import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Route } from '@tocsin/api'
import react from '@vitejs/plugin-react'
import { defineConfig, type HtmlTagDescriptor, type Plugin } from 'vite'

const [packBrotli, packGzip] = [promisify(brotliCompress), promisify(gzip)]
const outDir = 'dist'

/** The browser learns of the font from the page, not from the style sheet that it has to fetch first. */
function preloadFont(): Plugin {
  return {
    name: 'preload-font',
    transformIndexHtml: (_, { bundle = {} }): HtmlTagDescriptor[] =>
      Object.keys(bundle)
        .filter(file => /inter-latin-wght-normal-.*\.woff2$/.test(file))
        .map(file => ({ tag: 'link', attrs: { rel: 'preload', as: 'font', type: 'font/woff2', href: `/${file}`, crossorigin: true }, injectTo: 'head' })),
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
      handler: (source, importer) => (source === './routes.ts' && importer?.endsWith('/packages/api/src/client.ts') ? table : undefined),
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
  plugins: [react(), slimContract(), preloadFont(), compress()],
  build: {
    outDir,
    // The server looks up the script of private links; a test, what each page loads.
    manifest: true,
    rollupOptions: { input: ['index.html', 'src/paging/link-page.ts'] },
    // The content security policy allows no inline scripts and no data: scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
