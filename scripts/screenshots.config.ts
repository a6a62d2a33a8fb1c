import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['scripts/screenshots.ts'], globalSetup: ['apps/server/test/global-setup.ts'], pool: 'forks' } })
