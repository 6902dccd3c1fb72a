/** The embeddable component: one script that any page can load, with its styles and its strings in it. */
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('.'),
  publicDir: here('public'),
  plugins: [
    svelte({
      configFile: false,
      // Only the outermost one is an element of its own; what it is made of shares its styles.
      dynamicCompileOptions: ({ filename }) =>
        filename.endsWith('/ChartsyncPatient.svelte') ? { customElement: true } : undefined,
    }),
  ],
  build: {
    outDir: here('../build/component'),
    emptyOutDir: true,
    // Those that know light-dark(): what it would be replaced by works only where the page itself asks for it.
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    lib: {
      entry: here('main.ts'),
      formats: ['iife'],
      name: 'ChartsyncPatient',
      fileName: () => 'chartsync-patient.js',
    },
  },
});
