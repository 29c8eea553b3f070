// Grafana's libraries need the data that its server puts into the page before they are evaluated.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';

const version = '12.4.10';
window.grafanaBootData = {
  user: { timezone: 'utc', weekStart: '', locale: 'en-US', language: 'en-US', orgId: 1, orgRole: 'Viewer', permissions: {} },
  settings: {
    buildInfo: { version, commit: '', env: 'production' },
    featureToggles: {},
    appSubUrl: '',
    datasources: {},
    panels: {},
    apps: {},
    bootData: {},
    minRefreshInterval: '5s',
  },
  navTree: [],
  themePaths: { light: '', dark: '' },
};
window.__grafana_public_path__ = '/public/';

import('./main.jsx').catch((error) => {
  document.body.dataset.fatal = String(error?.stack ?? error);
});
