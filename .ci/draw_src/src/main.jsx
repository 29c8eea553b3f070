// Draws the dashboard named in the URL, like Grafana's own dashboard page.
import { EventBusSrv, LoadingState, ThemeContext, createTheme, standardTransformers, standardTransformersRegistry, toDataFrame } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import * as runtime from '@grafana/runtime';
import { EmbeddedScene, VizPanel, sceneGraph } from '@grafana/scenes';
import { ErrorBoundaryAlert, GlobalStyles, PortalContainer } from '@grafana/ui';
import React from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import { catchError, map, of } from 'rxjs';

import { plugins, registerStandardOptions } from './panels.jsx';
import { sceneOf } from './scene.js';
import { SETTINGS, Store, traffic } from './store.js';

const asked = new URLSearchParams(location.search);

/** The services that Grafana's application provides to its libraries. */
function provide() {
  const store = new Store();
  registerStandardOptions();
  standardTransformersRegistry.setInit(() => {
    const known = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
    return [...known.values()].map((one) => ({ ...one, transformation: one, editor: () => null, categories: new Set() }));
  });
  runtime.setDataSourceSrv({
    get: async () => store, getList: () => [SETTINGS], getInstanceSettings: () => SETTINGS, reload() {},
  });
  runtime.setRunRequest((source, request) => {
    const shown = { annotations: [], timeRange: request.range, request };
    return source.query(request).pipe(
      map(({ data }) => ({ ...shown, state: LoadingState.Done, series: data.map(toDataFrame) })),
      catchError(({ message }) => of({ ...shown, state: LoadingState.Error, series: [], errors: [{ message }] })),
    );
  });
  runtime.setPluginImportUtils({
    importPanelPlugin: async (id) => plugins[id] ?? Promise.reject(new Error(`no panel is known as ${id}`)),
    getPanelPluginFromCache: (id) => plugins[id],
  });
  runtime.setTemplateSrv({
    replace: (text) => text, getVariables: () => [], containsTemplate: () => false, updateTimeRange() {}, getAdhocFilters: () => [],
  });
  runtime.setAppEvents(new EventBusSrv());
  runtime.setBackendSrv({ get: async () => ({}), fetch: () => { throw new Error('the backend is missing'); } });
  runtime.setChromeHeaderHeightHook(() => 0);
}

/** The state of each panel once everything is drawn, except panels in closed rows. */
function report(scene) {
  return sceneGraph.findAllObjects(scene, (object) => object instanceof VizPanel && object.isActive).map((panel) => {
    const data = sceneGraph.getData(panel).state.data;
    const rows = (data?.series ?? []).reduce((sum, frame) => sum + frame.length, 0);
    const errors = [panel.state._pluginLoadError, ...(data?.errors ?? []).map((error) => error.message)].filter(Boolean);
    const done = errors.length > 0 || data?.state === LoadingState.Done || data?.state === LoadingState.Error;
    return { title: panel.state.title, done, rows, errors };
  });
}

async function start() {
  await initPluginTranslations('dashboards');
  const theme = createTheme({ colors: { mode: asked.get('theme') ?? 'dark' } });
  runtime.config.theme2 = theme;
  for (const place of [document.documentElement, document.body]) {
    place.style.background = theme.colors.background.canvas;
    place.style.color = theme.colors.text.primary;
  }
  provide();
  const dashboard = await (await fetch(`/dashboard/${asked.get('dashboard')}`)).json();
  const scene = new EmbeddedScene(sceneOf(dashboard, { from: asked.get('from'), to: asked.get('to'), expand: asked.has('expand') }));
  scene.activate();
  window.drawing = { report: () => report(scene), pending: () => traffic.pending };
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <runtime.LocationServiceProvider service={runtime.locationService}>
        <BrowserRouter>
          <ErrorBoundaryAlert><scene.Component model={scene} /></ErrorBoundaryAlert>
          <PortalContainer />
        </BrowserRouter>
      </runtime.LocationServiceProvider>
    </ThemeContext.Provider>,
  );
}

start().catch((error) => {
  document.body.dataset.fatal = String(error?.stack ?? error);
});
