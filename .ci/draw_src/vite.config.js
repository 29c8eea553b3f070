import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  // The same definitions as in Grafana's own build.
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'globalThis' },
  resolve: { alias: { 'react-router-dom-v5-compat': 'react-router-dom' } },
  build: {
    // Some of its modules name exports that are types, which do not exist at run time.
    rolldownOptions: { shimMissingExports: true },
    target: 'esnext',
    minify: false,
    chunkSizeWarningLimit: 1e6,
  },
});
